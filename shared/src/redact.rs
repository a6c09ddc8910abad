//! Takes secrets out of text before it is stored where people and logs can read it.

mod known;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
};

use regex::{Captures, Regex, RegexSet};
use serde_json::{Map, Value};

/// What a secret is replaced by; its key and a short prefix stay.
const MASK: &str = "[redacted]";

/// What the keys of secrets end with. Not `tokens`: that is a count.
macro_rules! keys {
    () => {
        r"(?:authorization|cookies?|passwords?|passwd|passphrase|secrets?|token|credentials?|(?:api|access|account|private|secret|signing|encryption)[_-]?keys?)"
    };
}

/// Each pattern keeps what its first group matched and masks the rest, up to what its second group matched.
///
/// Sources: key names as in OWASP's logging cheat sheet; the forms of tokens as their issuers document them. Word
/// boundaries are ASCII's, so that the engine's fast ways stay open to it in any text.
const PATTERNS: [&str; 14] = [
    // To the end of the text if the key's end is cut off.
    r"(?s)(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----).*?(-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    // Headers whose value has several words.
    r#"(?i)(cookie\\*["']?\s*:\s*\\*["']?)[^\r\n"'\\]+"#,
    r#"(?i)(authorization\\*["']?\s*[:=]\s*\\*["']?)(?:digest\s[^\r\n]+|(?:bearer|basic|token|negotiate|apikey|hawk|oauth|aws4-hmac-sha256)\s[^\r\n"'\\]+)"#,
    // A key and its value: quoted, a list or object, or a word.
    concat!("(?i)(", keys!(), r#"["']?\]?\s*[:=]>?\s*")(?:[^"\\]|\\.)*"#),
    concat!("(?i)(", keys!(), r#"["']?\]?\s*[:=]>?\s*')[^'\r\n]*"#),
    concat!("(?i)(", keys!(), r#"\\*["']?\]?\s*[:=]>?\s*)(?:\[[^\]]*\]|\{[^}]*\})"#),
    concat!("(?i)(", keys!(), r#"\\*["']?\]?\s*[:=]>?\s*\\*["']?)[^\s"',;&}\\\[{>][^\s"',;&}\\]*"#),
    r"(?i)((?-u:\b)bearer\s+)[A-Za-z0-9._~+/=-]{8,}",
    // Base64 has a capital or digit after a small letter, or ends in `=`; "basic authentication" does not.
    r"((?-u:\b)(?i:basic)\s+)(?:[A-Za-z0-9+/_-]*[a-z][A-Z0-9+/][A-Za-z0-9+/_-]*={0,2}|[A-Za-z0-9+/_-]{6,}={1,2})",
    r#"(?i)((?-u:\b)[a-z][a-z0-9+.-]*://[^\s/?#@:"'\\]*:)[^\s/?#"'\\]+(@)"#,
    r"((?-u:\b)sk-)[A-Za-z0-9_-]{8,}",
    r"((?-u:\b)(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|AIza))[A-Za-z0-9_-]{8,}",
    r"((?-u:\b)(?:AKIA|ASIA))[A-Z0-9]{12,}",
    r"((?-u:\b)eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*",
];

static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(concat!("(?i)", keys!(), "$")).ok());
static ANY: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(PATTERNS).ok());
static EACH: LazyLock<Vec<Regex>> = LazyLock::new(|| PATTERNS.iter().filter_map(|p| Regex::new(p).ok()).collect());
static SECRETS: OnceLock<Vec<Regex>> = OnceLock::new();

/// Names secrets of this installation's own, once, at start; their values are then masked wherever they appear, as they
/// are and as JSON, URLs and base64 spell them. Shorter than eight bytes they are left out: masking them would eat
/// ordinary words.
pub fn know_secrets(values: impl IntoIterator<Item = String>) {
    // A second call changes nothing: what is secret is decided at start.
    let _ = SECRETS.set(values.into_iter().flat_map(|value| known::patterns(&value)).collect());
}

/// `input` without its secrets.
pub fn text(input: &str) -> Cow<'_, str> {
    masked(input, SECRETS.get().map_or(&[], Vec::as_slice))
}

fn masked<'a>(input: &'a str, secrets: &[Regex]) -> Cow<'a, str> {
    let mut out = Cow::Borrowed(input);
    for secret in secrets {
        replace(&mut out, secret);
    }
    if ANY.as_ref().is_some_and(|any| any.is_match(&out)) {
        for pattern in EACH.iter() {
            replace(&mut out, pattern);
        }
    }
    out
}

fn replace(text: &mut Cow<'_, str>, pattern: &Regex) {
    let kept = |found: &Captures<'_>, group| found.get(group).map_or(String::new(), |kept| kept.as_str().to_owned());
    let masked =
        pattern.replace_all(text, |found: &Captures<'_>| format!("{}{MASK}{}", kept(found, 1), kept(found, 2)));
    if let Cow::Owned(masked) = masked {
        *text = Cow::Owned(masked);
    }
}

/// Takes the secrets out of a JSON value: all that stands under a secret's key, and what is secret within texts.
pub fn value(json: &mut Value) {
    match json {
        Value::String(held) => {
            if let Cow::Owned(masked) = text(held) {
                *held = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::Object(fields) => object(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The same for the fields of an object.
pub fn object(fields: &mut Map<String, Value>) {
    if fields.keys().any(|key| matches!(text(key), Cow::Owned(_))) {
        let renamed = |(key, field): (String, Value)| (text(&key).into_owned(), field);
        *fields = std::mem::take(fields).into_iter().map(renamed).collect::<Map<_, _>>();
    }
    for (key, field) in fields.iter_mut() {
        // What is not there, or only yes or no, is no secret.
        let secret = !field.is_null() && !field.is_boolean();
        if secret && KEY.as_ref().is_some_and(|secret| secret.is_match(key)) {
            *field = MASK.into();
        } else {
            value(field);
        }
    }
}
