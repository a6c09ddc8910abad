//! Places in a shard of the change stream.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

/// The number of a record in its shard: an integer as text, of up to 40 digits. Later records have larger ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Sequence(String);

/// Why a text is not a [`Sequence`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a sequence number")]
pub struct NoSequence(String);

impl Sequence {
    /// The text, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same as a text that sorts as the number does.
    pub fn sorted(&self) -> String {
        format!("{:0>40}", self.magnitude().1)
    }

    /// Without leading zeros: the longer number is the larger.
    fn magnitude(&self) -> (usize, &str) {
        let digits = self.0.trim_start_matches('0');
        (digits.len(), digits)
    }
}

impl TryFrom<String> for Sequence {
    type Error = NoSequence;

    fn try_from(text: String) -> Result<Self, NoSequence> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoSequence(text));
        }
        Ok(Self(text))
    }
}

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> Ordering {
        self.magnitude().cmp(&other.magnitude())
    }
}

impl PartialEq for Sequence {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sequence {}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_compare_as_numbers_however_long() {
        let sequence = |text: &str| Sequence::try_from(text.to_owned()).unwrap();
        let long = "4".repeat(40);
        let ordered = ["0", "9", "10", "0011", "99999999999999999999", "100000000000000000000", &long];
        assert!(ordered.windows(2).all(|pair| sequence(pair[0]) < sequence(pair[1])));
        assert!(ordered.windows(2).all(|pair| sequence(pair[0]).sorted() < sequence(pair[1]).sorted()));
        assert_eq!(sequence("007"), sequence("7"));
        for bad in ["", "-1", "1e9", "x"] {
            assert!(Sequence::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
