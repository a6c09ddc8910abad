//! Lists in a request, whose entries are read each for itself: together they may be much larger than any one of them.

use std::{fmt, ops::RangeInclusive};

use serde::{
    Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// Reads a list of so many. Those beyond its limit are only counted.
pub(crate) fn entries<'de, D: Deserializer<'de>>(
    list: D,
    many: RangeInclusive<usize>,
) -> Result<Vec<Box<RawValue>>, D::Error> {
    list.deserialize_seq(Entries(many))
}

struct Entries(RangeInclusive<usize>);

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<Box<RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (least, most) = self.0.clone().into_inner();
        let mut entries = Vec::new();
        while entries.len() < most
            && let Some(entry) = list.next_element()?
        {
            entries.push(entry);
        }
        let mut found = entries.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            found += 1;
        }
        if self.0.contains(&found) {
            return Ok(entries);
        }
        Err(A::Error::custom(format!("expected {least} to {most} tasks, found {found}")))
    }
}
