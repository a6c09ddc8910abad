//! Goes through seeds until one breaks a promise.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use crate::{plan::Plan, stage::run};

/// The lowest of the `seeds` seeds from `from` on that breaks a promise; each thread tries one at a time. `tried` hears of
/// each that was tried.
pub fn first_broken(from: u64, seeds: u64, threads: usize, tried: impl Fn() + Sync) -> Option<u64> {
    let (next, found) = (AtomicU64::new(from), AtomicU64::new(u64::MAX));
    let end = from.saturating_add(seeds);
    let search = || {
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= end || seed >= found.load(Relaxed) {
                return;
            }
            if run(&Plan::of(seed), false).broken.is_some() {
                found.fetch_min(seed, Relaxed);
            }
            tried();
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(search);
        }
    });
    Some(found.into_inner()).filter(|seed| *seed < end)
}
