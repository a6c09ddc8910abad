//! What every store promises: one suite, run on each implementation.
//!
//! Cases share the store, which may be a table that others use too: each takes tenants and ids of its own.

mod batches;
mod changes;
mod deletes;
mod due;
mod erasures;
mod failures;
pub mod fixtures;
mod inserts;
mod lists;
pub mod lives;
mod logs;
mod moving;
mod oldest;
mod pages;
mod patches;
mod races;
mod ready;
mod records;
mod relations;
mod round_trips;
mod stats;
mod steps;
mod tenants;
pub mod unreadable;

use std::panic::AssertUnwindSafe;

use errand::spi::store::Store;
use futures::{FutureExt, future::BoxFuture};

/// One promise.
pub struct Case {
    /// The promise, as a statement.
    pub name: &'static str,
    /// Panics where the store breaks it.
    pub check: for<'s> fn(&'s dyn Store) -> BoxFuture<'s, ()>,
}

/// Every case but those of [`counts`].
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let all: [&[Case]; 20] = [
        inserts::CASES,
        round_trips::CASES,
        changes::CASES,
        batches::CASES,
        steps::CASES,
        races::CASES,
        records::CASES,
        deletes::CASES,
        erasures::CASES,
        patches::CASES,
        relations::CASES,
        due::CASES,
        failures::CASES,
        lists::CASES,
        pages::CASES,
        moving::CASES,
        logs::CASES,
        tenants::CASES,
        oldest::CASES,
        ready::CASES,
    ];
    all.into_iter().flatten()
}

/// The cases of [`Store::stats`] and [`Store::queues`]: for a store whose counts do not lag behind its commits, or that
/// is made to catch up before it answers.
pub fn counts() -> impl Iterator<Item = &'static Case> {
    stats::CASES.iter()
}

/// Runs `cases` on `store`, one after the other, and panics with the names of those that failed.
pub async fn run(store: &dyn Store, cases: impl Iterator<Item = &'static Case>) {
    store.check().await.expect("the store is of the shape this version needs");
    let mut failed = Vec::new();
    for case in cases {
        // What is broken is said by the panic itself; the suite goes on, to show everything that is.
        if AssertUnwindSafe((case.check)(store)).catch_unwind().await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "{} promises are broken: {failed:#?}", failed.len());
}
