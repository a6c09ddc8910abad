//! Putting records: what must hold before, and what is there afterwards.

use errand::{
    Expect, Relation, Timestamp,
    spi::{
        ids::fresh,
        store::{self, Part, Record, Store},
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    changes::conflict,
    fixtures::{at, id, name, put, record, stored, tenant, writes},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "every_field_of_a_record_survives", check: |s| Box::pin(round_trip(s)) },
    Case { name: "a_put_that_expects_nothing_there_finds_it_so_or_conflicts", check: |s| Box::pin(absent(s)) },
    Case { name: "a_put_that_expects_a_version_finds_it_or_conflicts", check: |s| Box::pin(version(s)) },
    Case { name: "a_put_that_expects_nothing_at_all_always_happens", check: |s| Box::pin(any(s)) },
    Case { name: "a_put_replaces_the_whole_record", check: |s| Box::pin(replaces(s)) },
    Case { name: "records_of_one_commit_are_written_together_or_not_at_all", check: |s| Box::pin(together(s)) },
    Case { name: "a_commit_of_records_made_again_is_ok", check: |s| Box::pin(repeated(s)) },
    Case { name: "records_of_two_kinds_may_share_an_id", check: |s| Box::pin(kinds(s)) },
];

fn next(record: &Record, n: u64) -> Record {
    let doc = json!({"n": n}).as_object().unwrap().clone();
    Record { version: Uuid::new_v4(), doc, updated_at: at(n), ..record.clone() }
}

async fn round_trip(store: &dyn Store) {
    let tenant = tenant();
    let plain = stored(store, record(&tenant, &json!({}))).await;
    let fields = json!({
        "text": "Grüße, 世界 🦀 \u{0}", "empty": "", "null": null, "yes": true, "large": i64::MAX, "negative": -7,
        "fraction": 0.1, "list": [1, [2, {"a": null}], "x"], "object": {"a": {"b": {}}}, "odd key ☃": 1, "": 2
    });
    let full = Record {
        parent: Some(Relation { of: id("p|1"), sort: "2026-01-01T00:00:00.000Z".to_owned() }),
        owner: Some(Relation { of: id("o@x"), sort: "ä 1".to_owned() }),
        wake_at: Some(at(3)),
        expires_at: Some(at(4)),
        created_at: Timestamp::from_millis(1),
        updated_at: at(2),
        ..record(&tenant, &fields)
    };
    let full = stored(store, full).await;
    assert_eq!(store.record(&plain.key).await.unwrap(), Some(plain));
    assert_eq!(store.record(&full.key).await.unwrap(), Some(full));
}

async fn absent(store: &dyn Store) {
    let first = stored(store, record(&tenant(), &json!({}))).await;
    let second = next(&first, 2);
    let answer = store::commit(store, writes(vec![put(&second, Expect::Absent)])).await;
    assert_eq!(conflict(answer), [Part::Record(0)]);
    assert_eq!(store.record(&first.key).await.unwrap(), Some(first));
}

async fn version(store: &dyn Store) {
    let first = stored(store, record(&tenant(), &json!({}))).await;
    let (second, third) = (next(&first, 2), next(&first, 3));
    store::commit(store, writes(vec![put(&second, Expect::Version(first.version))])).await.unwrap();
    let answer = store::commit(store, writes(vec![put(&third, Expect::Version(first.version))])).await;
    assert_eq!(conflict(answer), [Part::Record(0)]);
    assert_eq!(store.record(&first.key).await.unwrap(), Some(second));

    let nowhere = record(&tenant(), &json!({}));
    let answer = store::commit(store, writes(vec![put(&nowhere, Expect::Version(Uuid::new_v4()))])).await;
    assert_eq!(conflict(answer), [Part::Record(0)]);
    assert_eq!(store.record(&nowhere.key).await.unwrap(), None);
}

async fn any(store: &dyn Store) {
    let first = record(&tenant(), &json!({}));
    let second = next(&first, 2);
    for record in [first, second] {
        store::commit(store, writes(vec![put(&record, Expect::Any)])).await.unwrap();
        assert_eq!(store.record(&record.key).await.unwrap(), Some(record));
    }
}

async fn replaces(store: &dyn Store) {
    let relation = |of| Some(Relation { of: id(of), sort: "1".to_owned() });
    let first = record(&tenant(), &json!({"old": 1}));
    let first = Record { parent: relation("p"), owner: relation("o"), wake_at: Some(at(1)), ..first };
    let first = stored(store, first).await;
    let second = Record { parent: None, owner: relation("other"), wake_at: None, ..next(&first, 2) };
    store::commit(store, writes(vec![put(&second, Expect::Version(first.version))])).await.unwrap();
    assert_eq!(store.record(&first.key).await.unwrap(), Some(second));
}

async fn together(store: &dyn Store) {
    let tenant = tenant();
    let there = stored(store, record(&tenant, &json!({}))).await;
    let (a, b) = (record(&tenant, &json!({})), record(&tenant, &json!({})));
    let all = vec![put(&a, Expect::Absent), put(&next(&there, 2), Expect::Absent), put(&b, Expect::Any)];
    assert_eq!(conflict(store::commit(store, writes(all)).await), [Part::Record(1)]);
    assert_eq!(store.record(&a.key).await.unwrap(), None);
    assert_eq!(store.record(&b.key).await.unwrap(), None);
    assert_eq!(store.record(&there.key).await.unwrap(), Some(there));
}

async fn repeated(store: &dyn Store) {
    let tenant = tenant();
    let (a, b) = (record(&tenant, &json!({"a": 1})), record(&tenant, &json!({"b": 1})));
    let commit = writes(vec![put(&a, Expect::Absent), put(&b, Expect::Absent)]);
    store::commit(store, commit.clone()).await.unwrap();
    store::commit(store, commit).await.unwrap();
    assert_eq!(store.record(&b.key).await.unwrap(), Some(b));
}

async fn kinds(store: &dyn Store) {
    let tenant = tenant();
    let mut note = record(&tenant, &json!({"a": 1}));
    note.key.id = fresh().into();
    let mut user = next(&note, 2);
    user.key.kind = name("user");
    let (note, user) = (stored(store, note).await, stored(store, user).await);
    assert_eq!(store.record(&note.key).await.unwrap(), Some(note));
    assert_eq!(store.record(&user.key).await.unwrap(), Some(user));
}
