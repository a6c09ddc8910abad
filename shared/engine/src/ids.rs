//! Names and ids: what may end up in a key, and how task ids are made.

mod seeded;

use std::{fmt, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

pub(crate) use seeded::seed;

/// A tenant, project, queue, lane, task type or record kind: 1 to 64 of `A-Z a-z 0-9 _ . -`.
///
/// Narrow on purpose: these are joined with `#` into DynamoDB keys and stand in URLs and metrics.
///
/// ```
/// use errand::Name;
///
/// assert_eq!(Name::new("billing.eu")?, Name::of("billing.eu"));
/// assert!(Name::new("billing/eu").is_err());
/// # Ok::<(), errand::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

/// An outside system's identifier (user, context, record): 1 to 128 printable ASCII characters
/// without space, `/`, `#`, `?`, `%`, `"` and `\`.
///
/// ```
/// use errand::Id;
///
/// assert_eq!(Id::new("ada@example.org")?.as_str(), "ada@example.org");
/// assert!(Id::new("ada lovelace").is_err());
/// # Ok::<(), errand::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(Arc<str>);

/// Why a text is not a [`Name`] or an [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not a name.
    #[error("expected 1 to 64 of the characters A-Z a-z 0-9 _ . -")]
    Name,
    /// Not an id.
    #[error(r#"expected 1 to 128 printable characters without space, / # ? % " or \"#)]
    Id,
}

/// See [`Name::installation`].
const INSTALLATION: &str = "_errand";

impl Name {
    /// Checks `text` and makes it a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if fits { Ok(Self(text.into())) } else { Err(NameError::Name) }
    }

    /// A name that stands in the code.
    pub fn of(literal: &'static str) -> Self {
        debug_assert!(Self::new(literal).is_ok(), "{literal:?} is not a name");
        Self(literal.into())
    }

    /// What stands in the tenant's place of what is the installation's own, or for all tenants.
    pub fn installation() -> Self {
        Self(INSTALLATION.into())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Name {
    /// `default`: the tenant, project, queue and lane of whoever names none.
    fn default() -> Self {
        Self("default".into())
    }
}

impl Id {
    /// Checks `text` and makes it an id.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'#' | b'?' | b'%' | b'"' | b'\\'));
        if fits { Ok(Self(text.into())) } else { Err(NameError::Id) }
    }

    /// An id that stands in the code.
    pub fn of(literal: &'static str) -> Self {
        debug_assert!(Self::new(literal).is_ok(), "{literal:?} is not an id");
        Self(literal.into())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uuid> for Id {
    fn from(id: Uuid) -> Self {
        Self(id.to_string().into())
    }
}

/// Every name is an id.
impl From<&Name> for Id {
    fn from(name: &Name) -> Self {
        Self(name.0.clone())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(&std::borrow::Cow::<'de, str>::deserialize(d)?).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(&std::borrow::Cow::<'de, str>::deserialize(d)?).map_err(de::Error::custom)
    }
}

/// Where a task is found: every read and write of a task names its tenant.
///
/// ```
/// use errand::{Name, TaskKey};
/// use uuid::Uuid;
///
/// let id = Uuid::nil();
/// assert_ne!(TaskKey { tenant: Name::of("a"), id }, TaskKey { tenant: Name::of("b"), id });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskKey {
    /// Whose task it is.
    pub tenant: Name,
    /// What tells it from the tenant's other tasks.
    #[serde(rename = "task")]
    pub id: Uuid,
}

/// Our namespace for UUIDv5 ids, drawn once at random; changing it would un-deduplicate every stored key.
const NAMESPACE: Uuid = Uuid::from_u128(0x7c1b_5bd3_0a43_4f0e_9d5e_2f6f_6b1c_88a4);

/// A new random, time-ordered id (UUIDv7).
pub fn fresh() -> Uuid {
    seeded::fresh().unwrap_or_else(Uuid::now_v7)
}

/// A new id that nobody can guess, whatever others they know (UUIDv4).
pub fn secret() -> Uuid {
    seeded::secret().unwrap_or_else(Uuid::new_v4)
}

/// The id that (tenant, project, key) always has: UUIDv5 over the parts, each with its length before
/// it so that `("ab", "c")` and `("a", "bc")` differ.
pub fn keyed(tenant: &Name, project: &Name, key: &str) -> Uuid {
    derived(&[tenant.as_str(), project.as_str(), key])
}

/// The id that these parts, in this order, always have.
pub fn derived(parts: &[&str]) -> Uuid {
    let mut bytes = Vec::with_capacity(parts.iter().map(|p| p.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &bytes)
}

impl JsonSchema for Name {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"})
    }
}

impl JsonSchema for Id {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r#"^[!$&-.0->@-\[\]-~]{1,128}$"#})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_separator_is_refused() {
        for bad in ["", "a/b#c", "a b", "ä", "a\0", &"x".repeat(65)] {
            assert_eq!(Name::new(bad), Err(NameError::Name), "{bad:?}");
        }
        assert!(Name::new("acme.prod-1_x").is_ok());
    }

    #[test]
    fn keyed_ids_do_not_collide_across_part_borders() {
        let name = |s| Name::new(s).unwrap();
        assert_eq!(keyed(&name("ab"), &name("c"), "k"), keyed(&name("ab"), &name("c"), "k"));
        assert_ne!(keyed(&name("ab"), &name("c"), "k"), keyed(&name("a"), &name("bc"), "k"));
    }
}
