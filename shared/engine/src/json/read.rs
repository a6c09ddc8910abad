//! Reading JSON so that an error names the field and what was expected there.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{json::cut, redact};

/// What is wrong with a request, and where.
///
/// ```
/// use errand::{Asked, FieldError};
///
/// /// As [`errand::Handler::admits`] may say it.
/// fn admits(new: &Asked) -> Result<(), FieldError> {
///     match &new.user_id {
///         Some(_) => Ok(()),
///         None => Err(FieldError::at("user_id", "whom is it about?")),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct FieldError {
    /// The path of the field, such as `payload.description`; empty for the whole.
    pub field: String,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl FieldError {
    /// An error at `field`.
    pub fn at(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }

    /// The same, one level further in.
    pub fn within(self, outer: &str) -> Self {
        let field = match self.field.as_str() {
            "" => outer.to_owned(),
            index if index.starts_with('[') => format!("{outer}{index}"),
            inner => format!("{outer}.{inner}"),
        };
        Self { field, message: self.message }
    }
}

/// The longest sentence, in bytes.
const SENTENCE_BYTES: usize = 500;

/// Reads a `T`, refusing fields it does not have and null characters (which no store or terminal takes well).
pub fn read_strict<T: DeserializeOwned>(text: &str) -> Result<T, FieldError> {
    let value = read_outside(text)?;
    if has_null(text) {
        return Err(FieldError::at("", "a text contains a null character (\\u0000)"));
    }
    Ok(value)
}

/// Reads a `T` that carries texts to be read strictly for themselves: null characters in it are their matter.
pub fn read_outside<T: DeserializeOwned>(text: &str) -> Result<T, FieldError> {
    not_a_list(text)?;
    let mut unknown = None;
    let value = read(text, |path| {
        unknown.get_or_insert(path);
    })?;
    match unknown {
        None => Ok(value),
        Some(field) => {
            let message = format!("unknown field `{}`", field.rsplit('.').next().unwrap_or(&field));
            Err(FieldError { field, message })
        }
    }
}

/// Refuses a list, which serde would take for a struct: its elements for the fields, in the order of the code.
pub fn not_a_list(text: &str) -> Result<(), FieldError> {
    if text.trim_start().starts_with('[') {
        Err(FieldError::at("", "expected an object, found a list"))
    } else {
        Ok(())
    }
}

/// Reads a field's object; for `deserialize_with`. As [`not_a_list`] says of the whole.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(fields))
        }
    }
    json.deserialize_map(Object(PhantomData))
}

/// [`object`] of a field that may be absent or null.
pub fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Option<T>, D::Error> {
    let held = Option::<Held<T>>::deserialize(json)?;
    Ok(held.map(|Held(value)| value))
}

/// [`object`] of each element of a list.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Vec<T>, D::Error> {
    let held = Vec::<Held<T>>::deserialize(json)?;
    Ok(held.into_iter().map(|Held(value)| value).collect())
}

/// What is read as an [`object`].
struct Held<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Held<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        object(json).map(Held)
    }
}

/// Reads a `T`, passing over fields it does not have: for what is stored, maybe by another version.
pub fn read_lenient<T: DeserializeOwned>(text: &str) -> Result<T, FieldError> {
    read(text, |_| {})
}

fn read<T: DeserializeOwned>(text: &str, mut ignored: impl FnMut(String)) -> Result<T, FieldError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let read = serde_ignored::deserialize(tracked, |path| ignored(path.to_string()));
    let read = read.and_then(|value| json.end().map(|()| value));
    read.map_err(|error| {
        let field = match track.path().to_string() {
            root if root == "." => String::new(),
            path => path,
        };
        FieldError { field, message: sentence(&error, text) }
    })
}

/// The error without serde's " at line 1 column 5", which says nothing of a one-line body's field; kept for
/// what is not JSON at all.
fn sentence(error: &serde_json::Error, sent: &str) -> String {
    let text = error.to_string();
    // It may repeat what was sent, and is kept where that was stored. Redacted first: half a secret looks like none.
    let text = cut(&redact::text(&text), SENTENCE_BYTES).to_owned();
    if error.is_data() {
        text.rsplit_once(" at line ").map_or(text.clone(), |(start, _)| start.to_owned())
    } else if serde_json::from_str::<IgnoredAny>(sent).is_ok() {
        // A number, say, where serde looks for the name of a variant.
        "expected a value of another type".to_owned()
    } else {
        format!("not JSON: {text}")
    }
}

/// Whether a JSON text has the escape of a null character (a raw one is not JSON).
fn has_null(text: &str) -> bool {
    text.match_indices("\\u0000").any(|(at, _)| {
        // An odd number of backslashes before `u` makes it an escape.
        let before = text.get(..at).unwrap_or_default();
        before.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Outer {
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Inner {
        n: u32,
        #[serde(default)]
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize)]
    enum Kind {
        #[default]
        Plain,
    }

    fn error(text: &str) -> (String, String) {
        let e = read_strict::<Outer>(text).unwrap_err();
        (e.field, e.message)
    }

    #[test]
    fn an_error_names_the_field_and_what_was_expected() {
        let (field, message) = error(r#"{"inner":[{"n":1},{"n":"x"}]}"#);
        assert_eq!(field, "inner[1].n");
        assert_eq!(message, r#"invalid type: string "x", expected u32"#);
        assert_eq!(error(r#"{"inner":[{}]}"#), ("inner[0]".into(), "missing field `n`".into()));
        let (field, message) = error(r#"{"inner":[{"n":1,"kind":5}]}"#);
        assert_eq!((&*field, &*message), ("inner[0].kind", "expected a value of another type"));
    }

    #[test]
    fn an_unknown_field_is_refused_by_name_unless_the_text_was_stored() {
        let text = r#"{"inner":[{"n":1,"m":2}]}"#;
        assert_eq!(error(text), ("inner.0.m".into(), "unknown field `m`".into()));
        assert!(read_lenient::<Outer>(text).is_ok());
    }

    #[test]
    fn an_error_that_repeats_what_was_sent_keeps_no_half_of_a_secret() {
        for before in 440..SENTENCE_BYTES {
            let text = format!(r#"{{"inner":[{{"n":"{} sk-abcdefgh12345678"}}]}}"#, "x".repeat(before));
            assert!(!error(&text).1.contains("abcd"), "{before}");
        }
    }

    #[test]
    fn what_is_not_json_is_said_to_be_none() {
        assert!(error("{").1.starts_with("not JSON: EOF"));
        assert!(error(r#"{"inner":[]} x"#).1.starts_with("not JSON: trailing characters"));
    }

    #[test]
    fn a_list_is_no_object() {
        assert_eq!(error(" [[]]"), (String::new(), "expected an object, found a list".into()));
    }

    #[test]
    fn null_characters_are_refused_but_their_spelling_is_not() {
        assert!(read_strict::<serde_json::Value>(r#"{"a":"x\u0000"}"#).is_err());
        assert!(read_strict::<serde_json::Value>(r#"{"a":"x\\u0000"}"#).is_ok());
    }
}
