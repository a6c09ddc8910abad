//! JSON text that is carried, stored and hashed, but not looked into.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
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

    /// The text.
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

/// The longest start of `text` that is at most `max` bytes and does not cut a character.
pub fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}
