//! Folding: what windows have added, each as a delta of its own, becomes part of the counters.
//!
//! A counter is written once in a round, however many shards and windows counted on it. A round has a number and says
//! which deltas it adds; each counter says up to which round it is written.
//!
//! ```text
//!  begin (round n + 1: these deltas) ──► add to each counter, if it stands before n + 1 ──► remove the deltas
//! ```
//!
//! Whoever comes after a folder that ended in the middle does the rest of its round first: that adds to the counters it
//! had not reached, and to no other. A round is begun only after the one before it is done, and a delta is removed only
//! after all of its round is added, so every delta is added exactly once; two folders at once do each other's work.

use async_trait::async_trait;

use crate::relay::Tally;
use errand::{StoreError, Timestamp, spi::clock::Clock};

/// What a window added and no round has, so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// What it is called.
    pub id: String,
    /// What is to be added.
    pub counts: Tally,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Its number: one more than the one before it. 0 before the first.
    pub number: u64,
    /// The ids of the deltas it adds.
    pub deltas: Vec<String>,
}

/// Where deltas and counters live. Reads are strongly consistent.
#[async_trait]
pub trait Deltas: Send + Sync {
    /// The newest round.
    async fn round(&self) -> Result<Round, StoreError>;

    /// Begins `round`, if the newest is the one before it; whether it did.
    async fn begin(&self, round: &Round) -> Result<bool, StoreError>;

    /// Deltas that are there, as many as one round should add; none if there is none.
    async fn waiting(&self) -> Result<Vec<Delta>, StoreError>;

    /// Those of the deltas that are there.
    async fn deltas(&self, ids: &[String]) -> Result<Vec<Delta>, StoreError>;

    /// Adds to each counter that stands before the round of this number, which it then stands at.
    async fn add(&self, round: u64, counts: Tally, now: Timestamp) -> Result<(), StoreError>;

    /// Removes the deltas that are there of these.
    async fn remove(&self, ids: &[String]) -> Result<(), StoreError>;
}

/// Adds every delta to the counters, up to the `deadline`; what is left then is the next one's. Answers how many.
pub async fn fold(deltas: &dyn Deltas, clock: &dyn Clock, deadline: Option<Timestamp>) -> Result<usize, StoreError> {
    let mut round = deltas.round().await?;
    let left = deltas.deltas(&round.deltas).await?;
    let mut folded = left.len();
    finish(deltas, round.number, left, clock.now()).await?;
    while deadline.is_none_or(|deadline| clock.now() < deadline) {
        let waiting = deltas.waiting().await?;
        round = Round { number: round.number + 1, deltas: waiting.iter().map(|delta| delta.id.clone()).collect() };
        // Nothing to do, or somebody else does it.
        if waiting.is_empty() || !deltas.begin(&round).await? {
            break;
        }
        folded += waiting.len();
        finish(deltas, round.number, waiting, clock.now()).await?;
    }
    Ok(folded)
}

async fn finish(deltas: &dyn Deltas, round: u64, found: Vec<Delta>, now: Timestamp) -> Result<(), StoreError> {
    let mut counts = Tally::default();
    found.iter().for_each(|delta| counts.merge(&delta.counts));
    deltas.add(round, counts, now).await?;
    let ids: Vec<String> = found.into_iter().map(|delta| delta.id).collect();
    deltas.remove(&ids).await
}
