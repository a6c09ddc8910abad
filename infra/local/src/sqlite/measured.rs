//! What is measured of transactions.

use std::time::Duration;

use prometheus::{Histogram, IntCounter};

/// What is measured of the transactions that change something.
#[derive(Clone, Debug)]
pub struct Transactions {
    /// How many tasks and commits rode in each.
    pub items: Histogram,
    /// How long each took until it was durable, in seconds.
    pub took: Histogram,
    /// How many came to nothing.
    pub rolled_back: IntCounter,
}

impl Transactions {
    /// One in which so many rode has ended.
    pub(super) fn note(&self, is_durable: bool, items: usize, took: Duration) {
        if is_durable {
            #[allow(clippy::cast_precision_loss)] // some thousands
            self.items.observe(items as f64);
            self.took.observe(took.as_secs_f64());
        } else {
            self.rolled_back.inc();
        }
    }
}
