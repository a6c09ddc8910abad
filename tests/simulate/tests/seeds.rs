//! Every promise holds, for as many seeds as a debug build gets through in seconds; the program goes through more.

use std::collections::BTreeSet;

use simulate::{Plan, first_broken, run};

/// How many seeds are tried here.
const SEEDS: u64 = 1000;

/// How many of them twice.
const TWICE: u64 = 100;

#[test]
fn every_promise_holds_whatever_the_seed() {
    if let Some(seed) = first_broken(0, SEEDS, 2, || {}) {
        let broken = run(&Plan::of(seed), false).broken.unwrap_or_default();
        panic!("seed {seed}: {broken}\n`cargo run -p simulate -- --from {seed}` makes it shorter");
    }
}

#[test]
fn the_same_seed_always_goes_the_same_way() {
    for seed in 0..TWICE {
        let (first, again) = (run(&Plan::of(seed), true), run(&Plan::of(seed), true));
        assert_eq!(first.lines, again.lines, "seed {seed}");
        assert_eq!(first.hash, again.hash, "seed {seed}");
    }
    let hashes: BTreeSet<u64> = (0..TWICE).map(|seed| run(&Plan::of(seed), false).hash).collect();
    assert_eq!(hashes.len(), usize::try_from(TWICE).unwrap(), "different seeds go different ways");
}
