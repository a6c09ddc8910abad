//! Every store keeps every promise of the conformance suite.

use errand::spi::store::MemoryStore;
use errand_local::sqlite::{SqliteSettings, SqliteStore};
use integration_tests::conformance;

use crate::dynamo::relayed::Relayed;

#[tokio::test]
async fn the_memory_store_keeps_every_promise() {
    conformance::run(&MemoryStore::default(), conformance::cases().chain(conformance::counts())).await;
}

#[tokio::test]
async fn the_dynamodb_store_keeps_every_promise() {
    conformance::run(&crate::dynamo::setup().await.store, conformance::cases()).await;
}

#[tokio::test]
async fn the_dynamodb_store_counts_what_is_relayed() {
    let store = Relayed::new(crate::dynamo::setup().await);
    conformance::run(&store, conformance::counts()).await;
}

#[tokio::test]
async fn the_sqlite_store_keeps_every_promise() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("errand.db"), SqliteSettings::default()).unwrap();
    conformance::run(&store, conformance::cases().chain(conformance::counts())).await;
}
