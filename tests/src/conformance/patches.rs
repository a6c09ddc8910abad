//! Patching records: single fields, sums, the owner, the time to look again.

use errand::{
    Expect, Guard, Patch, Relation,
    spi::store::{self, Part, Record, RecordKey, RecordWrite, Store},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Case,
    changes::conflict,
    fixtures::{at, id, record, stored, tenant, writes},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a_patch_sets_fields_and_removes_those_set_to_null", check: |s| Box::pin(sets(s)) },
    Case { name: "a_patch_adds_to_numbers_and_counts_an_absent_one_as_zero", check: |s| Box::pin(adds(s)) },
    Case { name: "a_patch_changes_and_ends_the_owner_and_keeps_the_parent", check: |s| Box::pin(owner(s)) },
    Case { name: "a_patch_changes_and_ends_the_parent", check: |s| Box::pin(parent(s)) },
    Case { name: "a_patch_changes_and_ends_wake_at", check: |s| Box::pin(wake_at(s)) },
    Case { name: "a_patch_says_from_when_a_record_may_be_removed", check: |s| Box::pin(expires_at(s)) },
    Case { name: "a_patch_of_an_absent_record_conflicts", check: |s| Box::pin(absent(s)) },
    Case { name: "a_patch_is_made_only_if_its_guards_hold", check: |s| Box::pin(guarded(s)) },
    Case { name: "a_patch_that_expects_a_version_finds_it_or_conflicts", check: |s| Box::pin(version(s)) },
    Case { name: "an_addition_made_again_counts_once", check: |s| Box::pin(repeated(s)) },
];

fn write(key: &RecordKey, patch: Patch, expect: Expect) -> RecordWrite {
    RecordWrite::Patch { key: key.clone(), patch: Box::new(patch), expect, version: Uuid::new_v4(), at: at(50) }
}

fn setting(fields: &Value) -> Patch {
    Patch { set: fields.as_object().unwrap().clone(), ..Patch::default() }
}

/// Applies `patch` to `before` and answers with the record afterwards, having checked what every patch does.
async fn patched(store: &dyn Store, before: &Record, patch: Patch) -> Record {
    let parent = patch.parent.clone().unwrap_or_else(|| before.parent.clone());
    let write = write(&before.key, patch, Expect::Any);
    store::commit(store, writes(vec![write.clone()])).await.unwrap();
    let after = store.record(&before.key).await.unwrap().unwrap();
    assert_eq!(Some(after.version), write.version());
    assert_eq!((after.created_at, after.updated_at), (before.created_at, at(50)));
    assert_eq!(after.parent, parent);
    after
}

async fn expires_at(store: &dyn Store) {
    let before = stored(store, record(&tenant(), &json!({}))).await;
    let expiring = patched(store, &before, Patch { expires_at: Some(at(70)), ..Patch::default() }).await;
    assert_eq!(expiring.expires_at, Some(at(70)));
    let still = patched(store, &expiring, setting(&json!({"n": 1}))).await;
    assert_eq!(still.expires_at, Some(at(70)));
}

async fn sets(store: &dyn Store) {
    let fields = json!({"keep": "this", "change": 1, "remove": {"a": 1}, "odd ☃": 1, "status": "x"});
    let before = stored(store, record(&tenant(), &fields)).await;
    let set = json!({"change": {"deep": [1, null]}, "remove": null, "new": "ü", "never was": null, "odd ☃": 2});
    let after = patched(store, &before, setting(&set)).await;
    let expected = json!({"keep": "this", "change": {"deep": [1, null]}, "new": "ü", "odd ☃": 2, "status": "x"});
    assert_eq!(Value::Object(after.doc), expected);
    assert_eq!((after.owner, after.wake_at), (before.owner, before.wake_at));
}

async fn adds(store: &dyn Store) {
    let before = stored(store, record(&tenant(), &json!({"credits": 10, "debts": 3, "text": "x"}))).await;
    let add = [("credits", 15), ("debts", -5), ("fresh", 7)].map(|(field, by)| (field.to_owned(), by)).into();
    let after = patched(store, &before, Patch { add, ..setting(&json!({"text": "y"})) }).await;
    assert_eq!(Value::Object(after.doc), json!({"credits": 25, "debts": -2, "fresh": 7, "text": "y"}));
}

async fn owner(store: &dyn Store) {
    let relation = |of: &str, sort: &str| Relation { of: id(of), sort: sort.to_owned() };
    let before = Record { parent: Some(relation("p", "1")), ..record(&tenant(), &json!({"a": 1})) };
    let before = stored(store, before).await;
    for owner in [Some(relation("o", "1")), Some(relation("o", "2")), Some(relation("q", "1")), None] {
        let after = patched(store, &before, Patch { owner: Some(owner.clone()), ..Patch::default() }).await;
        assert_eq!(after.owner, owner);
        assert_eq!(after.doc, before.doc);
    }
}

async fn parent(store: &dyn Store) {
    let relation = |of: &str, sort: &str| Relation { of: id(of), sort: sort.to_owned() };
    let before = Record { owner: Some(relation("o", "1")), ..record(&tenant(), &json!({"a": 1})) };
    let before = stored(store, before).await;
    for parent in [Some(relation("p", "1")), Some(relation("p", "2")), Some(relation("q", "1")), None] {
        let after = patched(store, &before, Patch { parent: Some(parent), ..Patch::default() }).await;
        assert_eq!((after.owner, after.doc), (before.owner.clone(), before.doc.clone()));
    }
}

async fn wake_at(store: &dyn Store) {
    let before = stored(store, record(&tenant(), &json!({"a": 1}))).await;
    for wake_at in [Some(at(9)), Some(at(8)), None] {
        let after = patched(store, &before, Patch { wake_at: Some(wake_at), ..Patch::default() }).await;
        assert_eq!(after.wake_at, wake_at);
    }
    let before = stored(store, Record { wake_at: Some(at(7)), ..record(&tenant(), &json!({})) }).await;
    assert_eq!(patched(store, &before, setting(&json!({"a": 1}))).await.wake_at, Some(at(7)));
}

async fn absent(store: &dyn Store) {
    let nowhere = record(&tenant(), &json!({}));
    for expect in [Expect::Any, Expect::Version(nowhere.version)] {
        let answer = store::commit(store, writes(vec![write(&nowhere.key, setting(&json!({"a": 1})), expect)])).await;
        assert_eq!(conflict(answer), [Part::Record(0)]);
        assert_eq!(store.record(&nowhere.key).await.unwrap(), None);
    }
}

async fn guarded(store: &dyn Store) {
    let before = stored(store, record(&tenant(), &json!({"n": 5, "text": "five", "odd ☃": 1}))).await;
    let at_most = |field: &str, most| Guard::AtMost(field.to_owned(), most);
    let absent = |field: &str| Guard::Absent(field.to_owned());
    let set = |guards: Vec<Guard>, to: u8| Patch { guards, ..setting(&json!({"set": to})) };
    let refused = [
        vec![at_most("n", 4)],
        vec![at_most("text", 100)],
        vec![absent("n")],
        vec![absent("new"), absent("odd ☃")],
        vec![at_most("n", 5), at_most("odd ☃", 0)],
    ];
    for guards in refused {
        let write = write(&before.key, set(guards.clone(), 1), Expect::Any);
        assert_eq!(conflict(store::commit(store, writes(vec![write])).await), [Part::Record(0)], "{guards:?}");
    }
    assert_eq!(store.record(&before.key).await.unwrap().unwrap(), before);
    let held = [vec![at_most("n", 5), absent("new")], vec![at_most("new", -1)], vec![at_most("odd ☃", 1)]];
    for (guards, to) in held.into_iter().zip(2..) {
        let after = patched(store, &before, set(guards, to)).await;
        assert_eq!(after.doc.get("set"), Some(&json!(to)));
    }
    // With others in one commit: all or nothing.
    let other = stored(store, record(&tenant(), &json!({"n": 1}))).await;
    let both = |most| {
        let both = vec![
            write(&other.key, setting(&json!({"n": 2})), Expect::Version(other.version)),
            write(&before.key, set(vec![at_most("n", most)], 9), Expect::Any),
        ];
        store::commit(store, writes(both))
    };
    assert_eq!(conflict(both(4).await), [Part::Record(1)]);
    assert_eq!(store.record(&other.key).await.unwrap().unwrap(), other);
    both(5).await.unwrap();
}

async fn version(store: &dyn Store) {
    let before = stored(store, record(&tenant(), &json!({"a": 1}))).await;
    let patch = |n: u8| write(&before.key, setting(&json!({"a": n})), Expect::Version(before.version));
    store::commit(store, writes(vec![patch(2)])).await.unwrap();
    assert_eq!(conflict(store::commit(store, writes(vec![patch(3)])).await), [Part::Record(0)]);
    assert_eq!(store.record(&before.key).await.unwrap().unwrap().doc.get("a"), Some(&json!(2)));
}

async fn repeated(store: &dyn Store) {
    let before = stored(store, record(&tenant(), &json!({"n": 1}))).await;
    let patch = Patch { add: [("n".to_owned(), 1)].into(), ..Patch::default() };
    let commit = writes(vec![write(&before.key, patch, Expect::Version(before.version))]);
    store::commit(store, commit.clone()).await.unwrap();
    store::commit(store, commit).await.unwrap();
    assert_eq!(store.record(&before.key).await.unwrap().unwrap().doc.get("n"), Some(&json!(2)));
}
