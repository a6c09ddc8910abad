//! Takes secrets out of text before it is stored where people and logs can read it.

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
};

use regex::{Captures, Regex, RegexSet};
use serde_json::Value;

/// What a secret is replaced by; its key and a short prefix stay.
const MASK: &str = "[redacted]";

/// Each pattern keeps what its first group matched and masks the rest.
///
/// Sources: key names as in OWASP's logging cheat sheet; `sk-`, `ghp_`, `AKIA`, JWT and PEM forms as their
/// issuers document them.
const PATTERNS: [&str; 7] = [
    r#"(?i)("?[\w.-]*(?:authorization|cookie|password|passwd|secret|token|api[_-]?key)"?\s*[:=]\s*"?)(?:bearer\s+|basic\s+)?[^\s",;&}\\]+"#,
    r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}",
    r"\b(sk-)[A-Za-z0-9_-]{8,}",
    r"\b(gh[pousr]_)[A-Za-z0-9]{8,}",
    r"\b((?:AKIA|ASIA))[A-Z0-9]{12,}",
    r"\b(eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*",
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
];

static KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(?:authorization|cookie|password|passwd|secret|token|api[_-]?key)$").ok());
static ANY: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(PATTERNS).ok());
static EACH: LazyLock<Vec<Regex>> = LazyLock::new(|| PATTERNS.iter().filter_map(|p| Regex::new(p).ok()).collect());
static SECRETS: OnceLock<Vec<String>> = OnceLock::new();

/// Names secrets of this installation's own, once, at start; their values are then masked wherever they appear.
/// Shorter than eight characters they are left out: masking them would eat ordinary words.
pub fn know_secrets(values: impl IntoIterator<Item = String>) {
    // A second call changes nothing: what is secret is decided at start.
    let _ = SECRETS.set(values.into_iter().filter(|v| v.len() >= 8).collect());
}

/// `input` without its secrets.
pub fn text(input: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(input);
    for secret in SECRETS.get().into_iter().flatten() {
        if out.contains(secret.as_str()) {
            out = Cow::Owned(out.replace(secret.as_str(), MASK));
        }
    }
    let Some(any) = ANY.as_ref() else { return out };
    if !any.is_match(&out) {
        return out;
    }
    for pattern in EACH.iter() {
        let masked = pattern.replace_all(&out, |found: &Captures<'_>| {
            format!("{}{MASK}", found.get(1).map_or("", |kept| kept.as_str()))
        });
        if let Cow::Owned(masked) = masked {
            out = Cow::Owned(masked);
        }
    }
    out
}

/// Takes the secrets out of a JSON value: whole values under a secret's key, and what is secret within texts.
pub fn value(json: &mut Value) {
    match json {
        Value::String(held) => {
            if let Cow::Owned(masked) = text(held) {
                *held = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                if field.is_string() && KEY.as_ref().is_some_and(|secret| secret.is_match(key)) {
                    *field = MASK.into();
                } else {
                    value(field);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(EACH.len(), PATTERNS.len());
        assert!(ANY.is_some());
    }

    #[test]
    fn secrets_are_masked_and_their_keys_stay() {
        for (input, expected) in [
            ("Authorization: Bearer abcdef123456", "Authorization: [redacted]"),
            (r#"{"api_key":"k-123456","n":1}"#, r#"{"api_key":"[redacted]","n":1}"#),
            ("tried sk-abcdefgh1234 in vain", "tried sk-[redacted] in vain"),
            ("ghp_0123456789abcdef", "ghp_[redacted]"),
            ("AKIAIOSFODNN7EXAMPLE", "AKIA[redacted]"),
            ("eyJhbGciOiJI.eyJzdWIi.c2ln", "eyJ[redacted]"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
                "-----BEGIN RSA PRIVATE KEY-----[redacted]",
            ),
            ("password=hunter2&x=1", "password=[redacted]&x=1"),
        ] {
            assert_eq!(text(input), expected);
        }
    }

    #[test]
    fn json_is_masked_by_key_and_by_content() {
        let mut json = serde_json::json!({"api_key": "k", "tokens": 5, "list": ["sk-abcdefgh1234", {"Cookie": "c"}]});
        value(&mut json);
        let expected = serde_json::json!({"api_key": MASK, "tokens": 5, "list": ["sk-[redacted]", {"Cookie": MASK}]});
        assert_eq!(json, expected);
    }

    #[test]
    fn ordinary_text_is_left_alone_without_a_copy() {
        assert!(matches!(text("no conversation is active for user u-1"), Cow::Borrowed(_)));
    }
}
