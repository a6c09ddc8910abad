//! What the records of agent runs have in common: sequences in keys, keyed ids.

use errand::{Id, spi::ids};

/// A sequence number as a sort key.
pub fn seq_place(seq: u64) -> String {
    format!("{seq:010}")
}

/// The cursor behind everything up to `seq`: what [`errand::spi::store::Store::records`] is asked for.
pub fn after_seq(seq: u64) -> String {
    // Behind every id: those are of characters up to `~`, and ours begin with a letter or digit.
    format!("{}#~", seq_place(seq))
}

/// The id of the `kind` that `run` has under an idempotency key; without one it is fresh.
pub fn keyed_id(kind: &str, run: &Id, key: Option<&str>) -> Id {
    Id::from(key.map_or_else(ids::fresh, |key| ids::derived(&[kind, run.as_str(), key])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_lies_behind_its_sequence_number_and_before_the_next() {
        let place = |seq, id: &str| format!("{}#{id}", seq_place(seq));
        for seq in [0, 1, 9, 10, 99, 999_999_999] {
            assert!(place(seq, "zzz") < after_seq(seq) && after_seq(seq) < place(seq + 1, "!"), "{seq}");
        }
    }

    #[test]
    fn a_key_names_one_thing_of_one_run() {
        let (a, b) = (Id::of("a"), Id::of("b"));
        assert_eq!(keyed_id("command", &a, Some("k")), keyed_id("command", &a, Some("k")));
        assert_ne!(keyed_id("command", &a, Some("k")), keyed_id("command", &b, Some("k")));
        assert_ne!(keyed_id("command", &a, Some("k")), keyed_id("turn", &a, Some("k")));
        assert_ne!(keyed_id("command", &a, None), keyed_id("command", &a, None));
    }
}
