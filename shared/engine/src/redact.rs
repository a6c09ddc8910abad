//! Takes secrets out of text before it is stored where people and logs can read it.
//!
//! Secrets are told by what they look like, first of all: `forms` knows those that show what they are, `assigned` those
//! that stand behind their name. Prose and code speak of passwords and tokens all the time, and stay as they are; how well
//! that goes is what the test over `corpus` says. Masked text stays as it is, however often it is masked, and text is
//! masked before it is cut: half a secret looks like nothing.

/// What the keys of secrets end with. Not `tokens`: that is a count.
macro_rules! keys {
    () => {
        r"(?:authorization|cookies?|passwords?|passwd|passphrase|passcode|pwd|(?:(?-i:[a-z0-9]P)|[_.-]p)ass|secrets?|token|credentials?|(?:api|access|account|private|secret|signing|encryption|master|auth|app|shared|storage|deploy|license|hmac)[_ -]?keys?)"
    };
}

mod assigned;
mod forms;
mod known;
mod look;
#[cfg(test)]
mod tests;
mod values;

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
};

use regex::Regex;
use serde_json::{Map, Value};

/// What a secret is replaced by; its key and a short prefix stay.
const MASK: &str = "[redacted]";

static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(concat!("(?i)", keys!(), "$")).ok());
static SECRETS: OnceLock<Vec<Regex>> = OnceLock::new();

/// Names secrets of this installation's own, once, at start; their values are then masked wherever they appear, as they
/// are and as JSON, URLs and base64 spell them. Shorter than eight bytes they are left out: masking them would eat
/// ordinary words.
pub fn know_secrets(values: impl IntoIterator<Item = String>) {
    // A second call changes nothing: what is secret is decided at start.
    let _ = SECRETS.set(values.into_iter().flat_map(|value| known::patterns(&value)).collect());
}

/// `input` without this installation's own secrets ([`know_secrets`]): for what is otherwise kept whole for who it
/// belongs to, who may have secrets of their own in it.
pub fn own(input: &str) -> Cow<'_, str> {
    known_masked(input, own_secrets())
}

/// The same for a JSON value.
pub fn own_value(json: &mut Value) {
    match json {
        Value::String(held) => {
            if let Cow::Owned(masked) = own(held) {
                *held = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(own_value),
        Value::Object(fields) => {
            if fields.keys().any(|key| matches!(own(key), Cow::Owned(_))) {
                let renamed = |(key, field): (String, Value)| (own(&key).into_owned(), field);
                *fields = std::mem::take(fields).into_iter().map(renamed).collect::<Map<_, _>>();
            }
            fields.values_mut().for_each(own_value);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `input` without its secrets.
pub fn text(input: &str) -> Cow<'_, str> {
    masked(input, own_secrets())
}

fn own_secrets() -> &'static [Regex] {
    SECRETS.get().map_or(&[], Vec::as_slice)
}

fn known_masked<'a>(input: &'a str, secrets: &[Regex]) -> Cow<'a, str> {
    let mut out = Cow::Borrowed(input);
    for secret in secrets {
        then(&mut out, |text| secret.replace_all(text, MASK));
    }
    out
}

fn masked<'a>(input: &'a str, secrets: &[Regex]) -> Cow<'a, str> {
    let mut out = known_masked(input, secrets);
    then(&mut out, forms::masked);
    then(&mut out, assigned::masked);
    out
}

fn then(text: &mut Cow<'_, str>, mask: impl FnOnce(&str) -> Cow<'_, str>) {
    if let Cow::Owned(masked) = mask(text) {
        *text = Cow::Owned(masked);
    }
}

/// An error and its causes in one line, without secrets.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    text(&said).into_owned()
}

/// Takes the secrets out of a JSON value: all that stands under a secret's key, and what is secret within texts.
pub fn value(json: &mut Value) {
    match json {
        Value::String(held) => {
            if let Cow::Owned(masked) = text(held) {
                *held = masked;
            }
        }
        Value::Array(items) => list(items),
        Value::Object(fields) => object(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The same for the items of a list. They may be the lines of a text, and a key goes through several of them.
fn list(items: &mut [Value]) {
    let mut in_key = false;
    for item in items {
        let line = item.as_str().unwrap_or_default();
        let (begins, ends) = (line.rfind("-----BEGIN "), line.rfind("-----END "));
        let begins = begins.filter(|at| line.get(*at..).is_some_and(|rest| rest.contains("PRIVATE KEY")));
        if in_key {
            *item = MASK.into();
        } else {
            value(item);
        }
        in_key = if in_key { ends.is_none() } else { begins.is_some_and(|begin| ends.is_none_or(|end| end < begin)) };
    }
}

/// The same for the fields of an object.
pub fn object(fields: &mut Map<String, Value>) {
    if fields.keys().any(|key| matches!(text(key), Cow::Owned(_))) {
        let renamed = |(key, field): (String, Value)| (text(&key).into_owned(), field);
        *fields = std::mem::take(fields).into_iter().map(renamed).collect::<Map<_, _>>();
    }
    let named = ["name", "key", "variable"].iter().any(|name| {
        let named = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.and_then(|(_, of)| of.as_str()).is_some_and(is_key)
    });
    for (key, field) in fields.iter_mut() {
        if (is_key(key) || named && key.eq_ignore_ascii_case("value")) && may_be_secret(field) {
            *field = MASK.into();
        } else {
            value(field);
        }
    }
}

fn is_key(name: &str) -> bool {
    KEY.as_ref().is_some_and(|key| key.is_match(name))
}

/// What is not there, only yes or no, or a path, is no secret.
fn may_be_secret(field: &Value) -> bool {
    match field {
        Value::Null | Value::Bool(_) => false,
        Value::String(held) => held.len() > 200 || !look::is_nothing(held),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    }
}
