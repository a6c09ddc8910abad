//! DynamoDB's attribute values: made, read, measured, and exchanged with JSON.

use std::{collections::HashMap, str::FromStr};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use serde_json::{Map, Value};
use uuid::Uuid;

use errand::Timestamp;

/// One item: its attributes by name.
pub type Item = HashMap<String, AttributeValue>;

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn millis(at: Timestamp) -> AttributeValue {
    number(at.as_millis())
}

/// The first whole second not before `at`: TTL counts in seconds, and must not be early.
pub(super) fn ttl(at: Timestamp) -> AttributeValue {
    number(at.as_millis().saturating_add(999).div_euclid(1000))
}

pub(super) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(super) fn uuid(id: Uuid) -> AttributeValue {
    bytes(id.as_bytes())
}

/// How deep lists and maps may lie in a field: DynamoDB takes 32 levels, of which the item and the document have two.
const LEVELS: usize = 28;

/// The longest name that DynamoDB takes, in bytes.
const NAME_BYTES: usize = 65_535;

/// What numbers DynamoDB takes, besides 0.
const NUMBERS: std::ops::Range<f64> = 1e-130..9.9e125;

/// Stands for a name of no characters, which DynamoDB does not take; a name of nothing but these is stored with one more.
const NO_NAME: char = '\u{7f}';

/// `value` as DynamoDB's own types, so that its fields can be updated in place. What they do not hold is kept as the
/// bytes of its text.
pub(super) fn from_json(value: Value) -> AttributeValue {
    if is_plain(&value, LEVELS) { native(value) } else { bytes(value.to_string().as_bytes()) }
}

/// Whether DynamoDB's types hold `value`, of at most so many levels.
fn is_plain(value: &Value, levels: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(n) => n.as_f64().is_some_and(|n| n == 0.0 || NUMBERS.contains(&n.abs())),
        Value::Array(values) => levels > 0 && values.iter().all(|value| is_plain(value, levels - 1)),
        Value::Object(fields) => {
            let is_taken = |(name, value): (&String, &Value)| name.len() < NAME_BYTES && is_plain(value, levels - 1);
            levels > 0 && fields.iter().all(is_taken)
        }
    }
}

fn native(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(b) => AttributeValue::Bool(b),
        Value::Number(n) => AttributeValue::N(n.to_string()),
        Value::String(s) => AttributeValue::S(s),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(native).collect()),
        Value::Object(fields) => {
            AttributeValue::M(fields.into_iter().map(|(name, value)| (stored_name(name), native(value))).collect())
        }
    }
}

/// [`from_json`] of an object's fields, one by one.
pub(super) fn from_doc(fields: Map<String, Value>) -> Item {
    fields.into_iter().map(|(name, value)| (stored_name(name), from_json(value))).collect()
}

/// The name that a field is stored under.
pub(super) fn stored_name(name: String) -> String {
    if is_no_name(&name) { format!("{name}{NO_NAME}") } else { name }
}

/// The field that is stored under `name`.
fn field_name(name: String) -> String {
    match name.strip_suffix(NO_NAME) {
        Some(shorter) if is_no_name(&name) => shorter.to_owned(),
        _ => name,
    }
}

fn is_no_name(name: &str) -> bool {
    name.chars().all(|c| c == NO_NAME)
}

/// What [`from_json`] was given.
pub(super) fn to_json(value: AttributeValue) -> anyhow::Result<Value> {
    Ok(match value {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(b) => Value::Bool(b),
        AttributeValue::N(n) => Value::Number(serde_json::from_str(&n)?),
        AttributeValue::S(s) => Value::String(s),
        AttributeValue::L(values) => Value::Array(values.into_iter().map(to_json).collect::<anyhow::Result<_>>()?),
        AttributeValue::M(fields) => Value::Object(to_doc(fields)?),
        AttributeValue::B(text) => serde_json::from_slice(text.as_ref())?,
        other => anyhow::bail!("no JSON for {other:?}"),
    })
}

/// What [`from_doc`] was given.
pub(super) fn to_doc(fields: Item) -> anyhow::Result<Map<String, Value>> {
    fields.into_iter().map(|(name, value)| Ok((field_name(name), to_json(value)?))).collect()
}

/// Reads an item's attributes; an error names the one that is missing or of another type.
pub(super) struct Fields<'a>(pub(super) &'a Item);

impl<'a> Fields<'a> {
    pub(super) fn text(&self, name: &str) -> anyhow::Result<&'a str> {
        self.maybe_text(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn maybe_text(&self, name: &str) -> anyhow::Result<Option<&'a str>> {
        self.maybe(name, |value| value.as_s().ok().map(String::as_str))
    }

    pub(super) fn bytes(&self, name: &str) -> anyhow::Result<&'a [u8]> {
        self.maybe(name, |value| value.as_b().ok().map(AsRef::as_ref))?.ok_or_else(|| missing(name))
    }

    pub(super) fn uuid(&self, name: &str) -> anyhow::Result<Uuid> {
        Ok(Uuid::from_slice(self.bytes(name)?)?)
    }

    pub(super) fn maybe_millis(&self, name: &str) -> anyhow::Result<Option<Timestamp>> {
        self.maybe(name, |value| value.as_n().ok()?.parse().ok().map(Timestamp::from_millis))
    }

    pub(super) fn maybe_seconds(&self, name: &str) -> anyhow::Result<Option<Timestamp>> {
        self.maybe(name, |value| {
            let seconds: i64 = value.as_n().ok()?.parse().ok()?;
            seconds.checked_mul(1000).map(Timestamp::from_millis)
        })
    }

    pub(super) fn millis(&self, name: &str) -> anyhow::Result<Timestamp> {
        self.maybe_millis(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn integer<T: FromStr>(&self, name: &str) -> anyhow::Result<T> {
        self.maybe(name, |value| value.as_n().ok()?.parse().ok())?.ok_or_else(|| missing(name))
    }

    /// The fields of the map `name`, as JSON.
    pub(super) fn doc(&self, name: &str) -> anyhow::Result<Map<String, Value>> {
        to_doc(self.maybe(name, |value| value.as_m().ok())?.ok_or_else(|| missing(name))?.clone())
    }

    fn maybe<T>(&self, name: &str, read: impl FnOnce(&'a AttributeValue) -> Option<T>) -> anyhow::Result<Option<T>> {
        let wrong = || anyhow::anyhow!("attribute {name} is not what it should be");
        self.0.get(name).map(|value| read(value).ok_or_else(wrong)).transpose()
    }
}

fn missing(name: &str) -> anyhow::Error {
    anyhow::anyhow!("attribute {name} is missing")
}

/// How many bytes DynamoDB counts for an item: names and values, see "DynamoDB item sizes" in its guide.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(s) => s.len(),
        AttributeValue::B(b) => b.as_ref().len(),
        // Two digits a byte, one for the exponent, one for a sign: at most this.
        AttributeValue::N(n) => n.len() / 2 + 2,
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(fields) => 3 + fields.len() + size(fields),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_its_way_through_dynamodb_types() {
        let value = json!({"null": null, "no": false, "n": [1, -2, 0.25, u64::MAX, i64::MIN], "s": "", "o": {"a": {}}});
        assert_eq!(to_json(from_json(value.clone())).unwrap(), value);
    }

    #[test]
    fn a_ttl_is_never_early() {
        let at = |ms| ttl(Timestamp::from_millis(ms));
        assert_eq!((at(1000), at(1001)), (number(1), number(2)));
    }

    #[test]
    fn a_wrong_or_missing_attribute_is_named() {
        let item = Item::from([("v".to_owned(), text("x"))]);
        assert!(Fields(&item).uuid("v").unwrap_err().to_string().contains("attribute v"));
        assert!(Fields(&item).text("l").unwrap_err().to_string().contains("attribute l is missing"));
        assert_eq!(Fields(&item).maybe_text("u").unwrap(), None);
    }
}
