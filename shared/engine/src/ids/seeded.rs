//! Ids drawn from a seed, so that a simulation goes the same way each time.

use std::cell::Cell;

use uuid::{Builder, Uuid};

thread_local! {
    /// The seed, and how many ids were drawn of it.
    static SEEDED: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

/// When the first of these ids says that it was made: 2026-01-01.
const START_MS: u64 = 1_767_225_600_000;

/// From now on this thread draws its ids from `seed`, and all from the same seed are the same; `None`: at random again.
pub(crate) fn seed(seed: Option<u64>) {
    SEEDED.set(seed.map(|seed| (seed, 0)));
}

/// The next id in the order of time, if this thread draws from a seed.
pub(super) fn fresh() -> Option<Uuid> {
    let (nth, random) = draw()?;
    let [.., a, b] = random.to_be_bytes();
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&random.rotate_left(17).to_be_bytes());
    bytes[8..].copy_from_slice(&[a, b]);
    Some(Builder::from_unix_timestamp_millis(START_MS + nth, &bytes).into_uuid())
}

/// The next id without an order, likewise.
pub(super) fn secret() -> Option<Uuid> {
    let (nth, random) = draw()?;
    Some(Builder::from_random_bytes(((u128::from(random) << 64) | u128::from(mixed(nth))).to_be_bytes()).into_uuid())
}

/// The number of this draw, and what was drawn.
fn draw() -> Option<(u64, u64)> {
    let (seed, nth) = SEEDED.get()?;
    SEEDED.set(Some((seed, nth + 1)));
    Some((nth, mixed(mixed(seed).wrapping_add(nth))))
}

/// SplitMix64: no two numbers have the same result.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::ids;

    #[test]
    fn ids_of_one_seed_are_the_same_in_order_and_none_twice() {
        let drawn = |seed| {
            super::seed(Some(seed));
            let drawn: Vec<_> = (0..1000).map(|_| (ids::fresh(), ids::secret())).collect();
            super::seed(None);
            drawn
        };
        let (ids, again) = (drawn(7), drawn(7));
        assert_eq!(ids, again);
        assert!(ids.is_sorted_by_key(|(fresh, _)| *fresh));
        let all = ids.iter().chain(&drawn(8)).flat_map(|(fresh, secret)| [*fresh, *secret]).collect::<BTreeSet<_>>();
        assert_eq!(all.len(), 4000);
        assert_ne!(ids::fresh(), ids::fresh());
    }
}
