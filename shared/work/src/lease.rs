//! The lease token: a claim's fence as a worker outside carries it.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use errand::spi::lifecycle::Fence;

/// What a worker outside shows with every write: `{attempt}.{uuid}`, opaque to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseToken(pub Fence);

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.executions, self.0.worker)
    }
}

impl FromStr for LeaseToken {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fence = text.split_once('.').and_then(|(executions, worker)| {
            Some(Fence { executions: executions.parse().ok()?, worker: Uuid::try_parse(worker).ok()? })
        });
        fence.map(Self).ok_or("expected the lease token that the claim answered")
    }
}

impl Serialize for LeaseToken {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LeaseToken {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for LeaseToken {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LeaseToken".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        json_schema!({"type": "string", "pattern": format!(r"^[0-9]{{1,9}}\.{uuid}$")})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = LeaseToken(Fence { executions: 3, worker: Uuid::from_u128(7) });
        assert_eq!(token.to_string().parse(), Ok(token));
        for bad in ["", "3", "3.x", "x.00000000-0000-0000-0000-000000000007"] {
            assert!(bad.parse::<LeaseToken>().is_err(), "{bad}");
        }
    }
}
