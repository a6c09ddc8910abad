//! Which failures are the same: of a type, of a kind, and said in the same words but for what differs from task to task.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ids::Name, json::cut, lifecycle::FailureKind};

/// How much of a message counts, in bytes: what stands further behind is mostly a trace of calls.
const SAID_BYTES: usize = 300;

/// A word of this many letters and digits is an id, if it has a digit; in a shorter one only its digits are.
const ID_CHARS: usize = 8;

/// Names a group of failures: 16 hexadecimal digits. Told from what a failed task says, and kept by a store that counts by it:
/// once there is a release, messages are to be read as they are here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The group of a failure of `task_type`.
    pub fn of(task_type: &Name, kind: FailureKind, message: &str) -> Self {
        let text = format!("{task_type}\n{kind}\n{}", likened(message));
        let hash = Sha256::digest(text.as_bytes());
        Self(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex { Ok(Self(text)) } else { Err("expected 16 hexadecimal digits") }
    }
}

impl JsonSchema for Fingerprint {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Fingerprint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9a-f]{16}$"})
    }
}

/// The message without what is another in each task: ids, numbers, and what stands in double quotes. A number of three digits
/// stays: of an HTTP answer it says what went wrong.
fn likened(message: &str) -> String {
    let mut said = String::new();
    for (n, part) in cut(message, SAID_BYTES).split('"').enumerate() {
        if n % 2 == 1 {
            said.push_str("\"…\"");
        } else {
            part.split_inclusive(|c| !in_word(c)).for_each(|word| push_word(&mut said, word));
        }
    }
    said
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

/// A word, with the character that ends it.
fn push_word(said: &mut String, word: &str) {
    let (word, end) = word.split_at(word.trim_end_matches(|c| !in_word(c)).len());
    let has_digit = word.contains(|c: char| c.is_ascii_digit());
    let is_answer = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    if !has_digit || is_answer {
        said.push_str(word);
    } else if word.chars().count() >= ID_CHARS {
        said.push('#');
    } else {
        word.split(|c: char| c.is_ascii_digit()).enumerate().for_each(|(n, letters)| {
            if n > 0 && !said.ends_with('#') {
                said.push('#');
            }
            said.push_str(letters);
        });
    }
    said.push_str(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Fingerprint {
        Fingerprint::of(&Name::of("resize"), FailureKind::Handler, message)
    }

    #[test]
    fn what_differs_from_task_to_task_makes_no_other_group() {
        let same = [
            ("no user u17", "no user u4711"),
            ("order 8 of 3000 is gone", "order 12345 of 9 is gone"),
            ("no file \"a.png\" there", "no file \"b c 7.png\" there"),
            ("0f8fad5b-d9cb-469f-a165-70867728950e is held", "7c9e6679-7425-40de-944b-e07fc1f90ae7 is held"),
            ("at 2026-11-22T18:13:48.123Z", "at 2027-01-02T03:04:05.678Z"),
            ("took 1.5 s", "took 12.75 s"),
        ];
        for (one, other) in same {
            assert_eq!(likened(one), likened(other));
            assert_eq!(of(one), of(other));
        }
        assert_eq!(likened("no user u17 in \"eu\", row 5"), "no user u# in \"…\", row #");
    }

    #[test]
    fn what_tells_failures_apart_does() {
        let apart = ["the mail server answered 451", "the mail server answered 503", "the mail server is gone"];
        let groups = apart.map(of);
        assert_eq!(groups.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert_ne!(of("no"), Fingerprint::of(&Name::of("resize"), FailureKind::Panic, "no"));
        assert_ne!(of("no"), Fingerprint::of(&Name::of("shrink"), FailureKind::Handler, "no"));
    }

    #[test]
    fn long_messages_and_odd_ones_have_a_group_and_it_can_be_read_again() {
        let long = "ä".repeat(4000);
        for message in ["", "\"", "\"\"\"", "###", "1", "é1", long.as_str()] {
            let group = of(message);
            let text = serde_json::to_string(&group).unwrap();
            assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), group, "{message}");
        }
        assert_eq!(of(&long), of(&format!("{long}, and more")));
        serde_json::from_str::<Fingerprint>("\"0F\"").unwrap_err();
    }
}
