//! Which types of events somebody wants to hear of.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The most of them in one list.
const MOST: usize = 20;

/// The most bytes of one.
const TYPE_BYTES: usize = 128;

/// What ends one that stands for all types that begin so.
const ANY: char = '*';

/// Types of events: each whole (`task.failed`), or how it begins (`order.*`); `*` is all. At most 20, of 128 bytes each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct EventTypes(
    #[schemars(length(min = 1, max = 20), inner(length(max = 128), regex(pattern = r"^[!-)+\--~]*[!-)*+\--~]$")))]
    Vec<String>,
);

/// Why a list of types is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {MOST} types of events, each of 1 to {TYPE_BYTES} visible characters, `*` only at the end: {0}")]
pub struct NoEventTypes(String);

impl EventTypes {
    /// All there are.
    pub fn all() -> Self {
        Self(vec![ANY.to_string()])
    }

    /// Whether an event of this type is among them.
    pub fn contain(&self, event_type: &str) -> bool {
        self.0.iter().any(|wanted| match wanted.strip_suffix(ANY) {
            Some(begins) => event_type.starts_with(begins),
            None => event_type == wanted,
        })
    }
}

impl TryFrom<Vec<String>> for EventTypes {
    type Error = NoEventTypes;

    fn try_from(types: Vec<String>) -> Result<Self, NoEventTypes> {
        let is_type = |text: &&String| {
            let begins = text.strip_suffix(ANY).unwrap_or(text);
            let visible = begins.bytes().all(|byte| byte.is_ascii_graphic() && !b"*,".contains(&byte));
            (1..=TYPE_BYTES).contains(&text.len()) && visible
        };
        match types.iter().find(|text| !is_type(text)) {
            Some(bad) => Err(NoEventTypes(bad.chars().take(TYPE_BYTES).collect())),
            None if !(1..=MOST).contains(&types.len()) => Err(NoEventTypes(format!("{} of them", types.len()))),
            None => Ok(Self(types)),
        }
    }
}

impl From<EventTypes> for Vec<String> {
    fn from(EventTypes(types): EventTypes) -> Self {
        types
    }
}

impl FromStr for EventTypes {
    type Err = NoEventTypes;

    /// Reads them as they stand in a URL: separated by commas.
    fn from_str(text: &str) -> Result<Self, NoEventTypes> {
        Self::try_from(text.split(',').map(str::to_owned).collect::<Vec<_>>())
    }
}

impl fmt::Display for EventTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_whole_or_how_they_begin() {
        let wanted: EventTypes = "task.failed,order.*".parse().unwrap();
        let heard = ["task.failed", "order.", "order.shipped"].map(|event_type| wanted.contain(event_type));
        let not = ["task.failed2", "task.completed", "orders", ""].map(|event_type| wanted.contain(event_type));
        assert_eq!((heard, not), ([true; 3], [false; 4]));
        assert!(EventTypes::all().contain("anything"));
    }

    #[test]
    fn what_is_no_list_of_types_is_refused() {
        for bad in ["", "a,", "a b", "*a", "a*b", "ä", &"a".repeat(129), &["a"; 21].join(",")] {
            assert!(bad.parse::<EventTypes>().is_err(), "{bad}");
        }
        let most = ["a"; 20].join(",");
        for good in ["*", "a*", &"a".repeat(128), &most] {
            assert_eq!(good.parse::<EventTypes>().unwrap().to_string(), *good);
        }
    }
}
