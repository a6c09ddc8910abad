//! A place in the list is given once for ever: a reader's cursor holds however long nothing happens.

use std::{sync::Arc, time::Duration};

use errand::{
    Expect, Id, Name, Patch, Relation,
    spi::{
        ids,
        outbox::published,
        store::{self, Commit, RecordKey, RecordWrite},
    },
};
use errand_local::sqlite::{SqliteSettings, SqliteStore};
use integration_tests::world::World;

use super::{event, listed, publish};

#[tokio::test]
async fn a_cursor_finds_what_comes_after_all_before_it_has_expired() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("errand.db"), SqliteSettings::default()).unwrap());
    let world = World::on(store.clone());
    publish(&world, "default", ["a", "b", "c"].map(str::to_owned)).await;
    poller::handle(&world.app, None).await;
    let after = published(&world.app, &Name::default(), None, 10).await.unwrap().next;
    assert!(after.is_some());

    world.clock.advance(Duration::from_secs(31 * 24 * 3600));
    while store.prune_expired(world.now(), 100).await.unwrap() > 0 {}
    assert_eq!(listed(&world.app, "default").await.len(), 0);
    publish(&world, "default", ["d".to_owned()]).await;
    poller::handle(&world.app, None).await;
    let page = published(&world.app, &Name::default(), after.as_deref(), 10).await.unwrap();
    let subjects: Vec<&str> = page.items.iter().map(|(event, _)| event.doc["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["d"], "the reader misses it");
}

#[tokio::test]
async fn a_list_of_before_goes_on_where_it_stands() {
    let world = World::new();
    let old = event(&world, "default", "old");
    let (key, version) = (old.key().clone(), ids::fresh());
    store::commit(&*world.app.store, Commit { records: vec![old], ..Commit::default() }).await.unwrap();
    // As a version delivered it that kept no outbox.
    let of = Id::from(ids::derived(&["published"]));
    let owner = Some(Some(Relation { of, sort: "000000000000041".to_owned() }));
    let patch = Patch { owner, wake_at: Some(None), ..Patch::default() };
    let noted = RecordWrite::Patch { key, patch: Box::new(patch), expect: Expect::Any, version, at: world.now() };
    store::commit(&*world.app.store, Commit { records: vec![noted], ..Commit::default() }).await.unwrap();

    publish(&world, "default", ["new".to_owned()]).await;
    poller::handle(&world.app, None).await;
    let events = listed(&world.app, "default").await;
    let key = RecordKey { tenant: Name::default(), kind: Name::of("event"), id: events[1].id.clone() };
    let new = world.app.store.record(&key).await.unwrap().unwrap();
    assert_eq!(new.owner.unwrap().sort, "000000000000042");
    assert_eq!(listed(&world.app, "default").await[1].doc["subject"], "new");
}
