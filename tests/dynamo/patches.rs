//! Patches are native updates: they must come to what the rule for whole documents comes to.

use std::collections::BTreeMap;

use errand::{
    Doc, Expect, Id, Name, Patch, Relation, StoreError,
    spi::store::{self, Commit, MemoryStore, Part, Record, RecordKey, RecordWrite, Related, RelationKind, Store},
};
use serde_json::json;
use uuid::Uuid;

use super::{at, setup};

fn record() -> Record {
    let relation = |of| Some(Relation { of: Id::new(of).unwrap(), sort: "0001".into() });
    let doc = json!({ "name": "a", "count": 5, "size": { "w": 1 }, "a.b": [1], "": null, "old": true });
    Record {
        key: RecordKey { tenant: Name::default(), kind: Name::new("thing").unwrap(), id: Id::new("t-1").unwrap() },
        version: Uuid::from_u128(1),
        doc: doc.as_object().unwrap().clone().into_iter().filter(|(name, _)| !name.is_empty()).collect(),
        parent: relation("p-1"),
        owner: relation("o-1"),
        wake_at: Some(at(5)),
        expires_at: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn patches() -> Vec<Patch> {
    let fields = |value: serde_json::Value| -> Doc { value.as_object().unwrap().clone() };
    let owner = Relation { of: Id::new("o-2").unwrap(), sort: String::new() };
    let moved = Relation { of: Id::new("p-2").unwrap(), sort: "0002".into() };
    vec![
        Patch::default(),
        Patch { set: fields(json!({ "name": "b", "a.b": [2], "new": null, "old": null })), ..Patch::default() },
        Patch { set: fields(json!({ "status": { "deep": [] }, "size": 0.5 })), ..Patch::default() },
        Patch { add: BTreeMap::from([("count".into(), -7), ("absent".into(), 3)]), ..Patch::default() },
        Patch { owner: Some(Some(owner)), wake_at: Some(None), ..Patch::default() },
        Patch { parent: Some(None), ..Patch::default() },
        Patch { parent: Some(Some(moved)), ..Patch::default() },
        Patch { owner: Some(None), wake_at: Some(Some(at(9))), ..Patch::default() },
    ]
}

#[tokio::test]
async fn a_patch_comes_to_what_it_comes_to_in_memory() {
    let setup = setup().await;
    let memory = MemoryStore::default();
    let stores: [&dyn Store; 2] = [&memory, &setup.store];
    let record = record();
    let key = &record.key;
    let mut writes = vec![RecordWrite::Put { record: Box::new(record.clone()), expect: Expect::Absent }];
    writes.extend(patches().into_iter().zip(2..).map(|(patch, n)| {
        let (expect, version) = (Expect::Version(Uuid::from_u128(n - 1)), Uuid::from_u128(n));
        RecordWrite::Patch { key: key.clone(), patch: Box::new(patch), expect, version, at: at(60) }
    }));
    for write in writes {
        let mut found = Vec::new();
        for store in stores {
            store::commit(store, Commit { records: vec![write.clone()], ..Commit::default() }).await.unwrap();
            found.push(store.record(key).await.unwrap().unwrap());
        }
        assert_eq!(found[0], found[1], "{write:?}");
    }
}

#[tokio::test]
async fn a_patch_of_what_is_not_there_or_not_as_expected_changes_nothing() {
    let setup = setup().await;
    let record = record();
    let patch = |expect| {
        let patch = Patch { set: Doc::from_iter([("name".into(), json!("b"))]), ..Patch::default() };
        let write = RecordWrite::Patch {
            key: record.key.clone(),
            patch: Box::new(patch),
            expect,
            version: Uuid::new_v4(),
            at: at(1),
        };
        Commit { records: vec![write], ..Commit::default() }
    };
    let refused = |done: Result<(), StoreError>| {
        assert!(matches!(&done, Err(StoreError::Conflict { parts }) if *parts == [Part::Record(0)]), "{done:?}");
    };
    for expect in [Expect::Any, Expect::Version(record.version)] {
        refused(store::commit(&setup.store, patch(expect)).await);
    }
    store::commit(&setup.store, patch(Expect::Absent)).await.unwrap();
    assert_eq!(setup.store.record(&record.key).await.unwrap(), None);

    let put = RecordWrite::Put { record: Box::new(record.clone()), expect: Expect::Any };
    store::commit(&setup.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
    for expect in [Expect::Absent, Expect::Version(Uuid::nil())] {
        refused(store::commit(&setup.store, patch(expect)).await);
    }
    assert_eq!(setup.store.record(&record.key).await.unwrap(), Some(record));
}

#[tokio::test]
async fn a_relation_moves_with_its_patch() {
    let setup = setup().await;
    let record = record();
    let put = RecordWrite::Put { record: Box::new(record.clone()), expect: Expect::Absent };
    store::commit(&setup.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
    let owner = Some(Some(Relation { of: Id::new("o-2").unwrap(), sort: "z".into() }));
    let patch = Patch { owner, ..Patch::default() };
    let (key, version) = (record.key.clone(), Uuid::new_v4());
    let write = RecordWrite::Patch { key, patch: Box::new(patch), expect: Expect::Any, version, at: at(1) };
    store::commit(&setup.store, Commit { records: vec![write], ..Commit::default() }).await.unwrap();
    for (by, of, count) in
        [(RelationKind::Owner, "o-1", 0), (RelationKind::Owner, "o-2", 1), (RelationKind::Parent, "p-1", 1)]
    {
        let (tenant, kind) = (record.key.tenant.clone(), record.key.kind.clone());
        let related = Related { tenant, kind, by, of: Id::new(of).unwrap(), newest_first: false };
        assert_eq!(setup.store.records(&related, None, 10).await.unwrap().items.len(), count, "{of}");
    }
}
