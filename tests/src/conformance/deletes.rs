//! Records that are removed: what must hold before, and what is left.

use errand::{
    Expect, Relation,
    spi::store::{self, Part, Record, RecordWrite, Related, RelationKind, Store},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    changes::conflict,
    fixtures::{at, id, now, put, record, stored, tenant, writes},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a_removed_record_is_found_nowhere", check: |s| Box::pin(nowhere(s)) },
    Case { name: "a_removal_that_expects_a_version_finds_it_or_conflicts", check: |s| Box::pin(version(s)) },
    Case { name: "what_is_gone_may_be_removed_again", check: |s| Box::pin(again(s)) },
    Case { name: "a_removal_is_committed_with_the_rest_or_not_at_all", check: |s| Box::pin(together(s)) },
    Case { name: "what_was_removed_can_be_put_anew", check: |s| Box::pin(anew(s)) },
];

fn delete(record: &Record, expect: Expect) -> RecordWrite {
    RecordWrite::Delete { key: record.key.clone(), expect }
}

async fn nowhere(store: &dyn Store) {
    let relation = |of| Some(Relation { of: id(of), sort: "1".to_owned() });
    let tenant = tenant();
    let bare = record(&tenant, &json!({"n": 1}));
    let there = Record { parent: relation("p"), owner: relation("o"), wake_at: Some(at(0)), ..bare };
    let there = stored(store, there).await;
    store::commit(store, writes(vec![delete(&there, Expect::Any)])).await.unwrap();
    assert_eq!(store.record(&there.key).await.unwrap(), None);
    for (by, of) in [(RelationKind::Parent, "p"), (RelationKind::Owner, "o")] {
        let kind = there.key.kind.clone();
        let related = Related { tenant: tenant.clone(), kind, by, of: id(of), newest_first: false };
        assert_eq!(store.records(&related, None, 9).await.unwrap().items, []);
    }
    for shard in 0..store.shards() {
        let due = store.due(shard, now(), 1000).await.unwrap();
        assert!(!due.iter().any(|due| due.item == store::DueItem::Record(there.key.clone())));
    }
}

async fn version(store: &dyn Store) {
    let there = stored(store, record(&tenant(), &json!({}))).await;
    let other = writes(vec![delete(&there, Expect::Version(Uuid::new_v4()))]);
    assert_eq!(conflict(store::commit(store, other).await), [Part::Record(0)]);
    let absent = writes(vec![delete(&there, Expect::Absent)]);
    assert_eq!(conflict(store::commit(store, absent).await), [Part::Record(0)]);
    assert_eq!(store.record(&there.key).await.unwrap(), Some(there.clone()));
    store::commit(store, writes(vec![delete(&there, Expect::Version(there.version))])).await.unwrap();
    assert_eq!(store.record(&there.key).await.unwrap(), None);
}

async fn again(store: &dyn Store) {
    let there = stored(store, record(&tenant(), &json!({}))).await;
    for expect in [Expect::Version(there.version), Expect::Version(there.version), Expect::Any, Expect::Absent] {
        store::commit(store, writes(vec![delete(&there, expect)])).await.unwrap();
        assert_eq!(store.record(&there.key).await.unwrap(), None);
    }
}

async fn together(store: &dyn Store) {
    let tenant = tenant();
    let (gone, kept) = (record(&tenant, &json!({})), record(&tenant, &json!({})));
    let (gone, kept) = (stored(store, gone).await, stored(store, kept).await);
    let new = record(&tenant, &json!({}));
    let refused = writes(vec![delete(&gone, Expect::Any), put(&new, Expect::Absent), put(&kept, Expect::Absent)]);
    assert_eq!(conflict(store::commit(store, refused).await), [Part::Record(2)]);
    assert_eq!(store.record(&gone.key).await.unwrap(), Some(gone.clone()));
    let taken = writes(vec![put(&new, Expect::Absent), delete(&gone, Expect::Version(gone.version))]);
    store::commit(store, taken.clone()).await.unwrap();
    store::commit(store, taken).await.unwrap();
    assert_eq!(store.record(&gone.key).await.unwrap(), None);
    assert_eq!(store.record(&new.key).await.unwrap(), Some(new));
}

async fn anew(store: &dyn Store) {
    let first = stored(store, record(&tenant(), &json!({"n": 1}))).await;
    store::commit(store, writes(vec![delete(&first, Expect::Any)])).await.unwrap();
    let second = Record { version: Uuid::new_v4(), ..first };
    store::commit(store, writes(vec![put(&second, Expect::Absent)])).await.unwrap();
    assert_eq!(store.record(&second.key).await.unwrap(), Some(second));
}
