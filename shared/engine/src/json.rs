//! JSON text that is carried, stored and hashed, but not looked into.

pub mod read;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

/// A JSON value as compact text with sorted keys: equal values are equal texts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// The value as text.
    pub fn new(value: &Value) -> Self {
        // A `Value` always has a JSON text (its maps have string keys, its numbers are finite).
        Self(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()).into())
    }

    /// Text that a store gives back. Kept as it is: it was written by [`Json::new`].
    pub fn from_stored(text: String) -> Result<Self, serde_json::Error> {
        Ok(Self(RawValue::from_string(text)?.into()))
    }

    /// The JSON as it is written, without white space between its parts.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads the text as a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// The first 128 bits of the text's SHA-256, base64: tells payloads apart, not an authenticator.
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.as_str().as_bytes());
        URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl Default for Json {
    /// `null`.
    fn default() -> Self {
        Self(RawValue::NULL.to_owned().into())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(d)?.into()))
    }
}

/// Why a text is not of its form; says which form was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct FormError(pub &'static str);

/// The longest start of `text` that is at most `max` bytes and does not cut a character.
pub fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// The longest start of `text` that has at most `max` bytes as JSON spells it.
pub fn cut_json(text: &str, max: usize) -> &str {
    let mut left = max;
    let end = text.char_indices().find(|(_, c)| {
        let bytes = match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..' ' => 6,
            c => c.len_utf8(),
        };
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        !fits
    });
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The first `chars` characters.
pub fn first(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The last `chars` characters.
pub fn last(text: &str, chars: usize) -> &str {
    let start = chars.checked_sub(1).and_then(|nth| text.char_indices().rev().nth(nth));
    match (chars, start) {
        (0, _) => "",
        (_, Some((start, _))) => text.get(start..).unwrap_or(text),
        (_, None) => text,
    }
}

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "Any JSON value."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_what_json_makes_of_them() {
        for text in ["abc", "a\"\\\n\u{1}\u{8}€x", "", "\t\t\t"] {
            for max in 0..30 {
                let start = cut_json(text, max);
                let spelled = |text: &str| Json::new(&text.into()).as_str().len() - 2;
                let next = text.chars().nth(start.chars().count());
                assert!(spelled(start) <= max, "{text:?} {max}");
                assert!(next.is_none_or(|c| spelled(&format!("{start}{c}")) > max), "{text:?} {max}");
            }
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        for (text, n, start, end) in [
            ("abc", 0, "", ""),
            ("abc", 2, "ab", "bc"),
            ("abc", 3, "abc", "abc"),
            ("abc", 4, "abc", "abc"),
            ("äöü€", 2, "äö", "ü€"),
            ("", 5, "", ""),
        ] {
            assert_eq!((first(text, n), last(text, n)), (start, end), "{text} {n}");
        }
    }
}
