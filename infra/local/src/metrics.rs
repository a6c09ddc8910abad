//! `GET /metrics`: what is counted and measured, as Prometheus reads it.
//!
//! What happens is added to as it happens, by atomic additions. What stands in the file is read when it is asked for, and
//! at most once a second. No label is a tenant, a user or an id, and each has a bounded number of values.

mod http;
mod levels;
mod tasks;

use std::sync::Arc;

use errand::{StoreError, Timestamp, spi::meter::Meter};
use prometheus::{Encoder, Histogram, HistogramOpts, IntCounter, Registry, TEXT_FORMAT, TextEncoder, core::Collector};

use crate::sqlite::{SqliteStore, Transactions};
use http::Requests;
pub(crate) use http::measured;
use levels::Levels;
use tasks::Tasks;

/// What a label says of all that have none of their own.
const OTHER: &str = "other";

/// What the page is, for its header.
pub(crate) const CONTENT_TYPE: &str = TEXT_FORMAT;

/// Seconds by which commits are told apart.
const COMMIT_S: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

/// Tasks and commits by which groups are told apart.
const GROUP: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];

/// All that one server counts and measures.
pub struct Metrics {
    registry: Registry,
    tasks: Arc<Tasks>,
    transactions: Transactions,
    requests: Requests,
    levels: Levels,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let transactions = Transactions {
            items: histogram(
                &registry,
                "errand_store_group_size",
                "Tasks and commits that rode in one transaction",
                &GROUP,
            )?,
            took: histogram(
                &registry,
                "errand_store_commit_time_seconds",
                "From the beginning of a transaction until it was durable",
                &COMMIT_S,
            )?,
            rolled_back: registered(
                &registry,
                IntCounter::new("errand_store_rollbacks_total", "Transactions that came to nothing")?,
            )?,
        };
        let (tasks, requests) = (Arc::new(Tasks::new(&registry)?), Requests::new(&registry)?);
        Ok(Self { registry, tasks, transactions, requests, levels: Levels::default() })
    }

    /// What counts tasks.
    pub(crate) fn meter(&self) -> Arc<dyn Meter> {
        self.tasks.clone()
    }

    /// What the store counts.
    pub(crate) fn transactions(&self) -> Transactions {
        self.transactions.clone()
    }

    /// The page as it is at `now`.
    pub(crate) async fn page(&self, store: &SqliteStore, now: Timestamp) -> Result<Vec<u8>, StoreError> {
        let mut families = self.registry.gather();
        families.extend(self.levels.at(store, now).await?);
        families.sort_by(|one, other| one.name().cmp(other.name()));
        let mut page = Vec::new();
        TextEncoder::new().encode(&families, &mut page).map_err(unwritten)?;
        Ok(page)
    }
}

/// What is wrong with our own metrics, which is nobody's fault who asks.
fn unwritten(why: prometheus::Error) -> StoreError {
    StoreError::Unavailable(why.into())
}

/// The same, which `registry` shows from here on.
fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
    registered(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
}
