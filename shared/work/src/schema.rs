//! The JSON Schema of a type's payload: what is taken as one, and whether a payload fits it.
//!
//! Whoever operates a tenant writes schemas, and the installation works through them for every payload. So what a check
//! costs is bounded by the schema's and the payload's size: no `$ref` leads back to where it stands, what they repeat is
//! counted, nothing is fetched, and patterns are matched in linear time.

use std::collections::BTreeMap;

use errand::FieldError;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// The most bytes that a schema has, as compact JSON.
pub(crate) const SCHEMA_BYTES: usize = 64 * 1024;

/// The most parts that a schema has, each counted as often as a `$ref` leads to it.
pub(crate) const SCHEMA_PARTS: usize = 5_000;

/// How large a compiled pattern may be, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;

/// Why something is not taken as a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is too long.
    #[error("it has {0} bytes; at most {SCHEMA_BYTES} are taken")]
    TooLong(usize),
    /// It says too much, with what its `$ref`s repeat.
    #[error("its `$ref`s make it of more than {SCHEMA_PARTS} parts")]
    TooMany,
    /// A `$ref` leads somewhere else, or to nothing.
    #[error("`{0}` leads to nothing within it; only references of the form `#/…` are followed")]
    Reference(String),
    /// A `$ref` leads back to where it stands.
    #[error("`{0}` leads back to itself; how deep a payload may be has to be said")]
    Circle(String),
    /// It uses what is not supported.
    #[error("`{0}` is not supported")]
    Keyword(&'static str),
    /// It is no schema.
    #[error("{at}: {why}")]
    Invalid {
        /// Where, as a JSON pointer.
        at: String,
        /// What is wrong there.
        why: String,
    },
}

/// A schema that was taken.
pub struct Schema(Validator);

impl Schema {
    /// Takes `schema`, of draft 2020-12.
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        let bytes = schema.to_string().len();
        if bytes > SCHEMA_BYTES {
            return Err(SchemaError::TooLong(bytes));
        }
        let parts = Parts { root: schema, counted: BTreeMap::new() }.count(schema, &mut Vec::new())?;
        if parts > SCHEMA_PARTS {
            return Err(SchemaError::TooMany);
        }
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES);
        let options = jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(patterns);
        let built = options.build(schema).map_err(|error| SchemaError::Invalid {
            at: error.instance_path().as_str().to_owned(),
            why: error.to_string(),
        });
        built.map(Self)
    }

    /// Refuses a payload that does not fit, and names the first place where.
    pub fn check(&self, payload: &Value) -> Result<(), FieldError> {
        // What is wrong is said without the value: it is nobody's business but its tenant's.
        self.0
            .validate(payload)
            .map_err(|error| FieldError::at(&dotted(error.instance_path().as_str()), error.masked().to_string()))
    }
}

/// A JSON pointer as errors name fields: `/items/0/name` is `items[0].name`.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty() {
            path.push_str(&format!("[{part}]"));
        } else {
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(&part);
        }
    }
    path
}

/// Counts the parts of a schema.
struct Parts<'s> {
    root: &'s Value,
    /// What each `$ref` leads to, once it was counted.
    counted: BTreeMap<&'s str, usize>,
}

impl<'s> Parts<'s> {
    /// How many objects and lists are in `part`, with what its `$ref`s lead to; `within`: the `$ref`s that lead here.
    fn count(&mut self, part: &'s Value, within: &mut Vec<&'s str>) -> Result<usize, SchemaError> {
        let mut sum = 1_usize;
        match part {
            Value::Object(fields) => {
                for (name, value) in fields {
                    sum = sum.saturating_add(match (name.as_str(), value) {
                        ("$dynamicRef" | "$dynamicAnchor" | "$anchor" | "$id", Value::String(_)) => {
                            return Err(SchemaError::Keyword(match name.as_str() {
                                "$dynamicRef" => "$dynamicRef",
                                "$dynamicAnchor" => "$dynamicAnchor",
                                "$anchor" => "$anchor",
                                _ => "$id",
                            }));
                        }
                        ("$ref", Value::String(to)) => self.referred(to, within)?,
                        // Values, not schemas.
                        ("const" | "enum" | "examples" | "default", _) => 0,
                        (_, value) => self.count(value, within)?,
                    });
                }
            }
            Value::Array(items) => {
                for item in items {
                    sum = sum.saturating_add(self.count(item, within)?);
                }
            }
            _ => sum = 0,
        }
        Ok(sum)
    }

    fn referred(&mut self, to: &'s str, within: &mut Vec<&'s str>) -> Result<usize, SchemaError> {
        if within.contains(&to) {
            return Err(SchemaError::Circle(to.to_owned()));
        }
        if let Some(counted) = self.counted.get(to) {
            return Ok(*counted);
        }
        let pointer = to.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let there = pointer.and_then(|pointer| self.root.pointer(pointer));
        let there = there.ok_or_else(|| SchemaError::Reference(to.to_owned()))?;
        within.push(to);
        let count = self.count(there, within)?;
        within.pop();
        self.counted.insert(to, count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
