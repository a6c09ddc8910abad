//! Documents hold any JSON; items hold what every implementation of DynamoDB takes.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use errand::{
    Doc, Expect, Id, Name, Patch,
    spi::store::{self, Commit, Record, RecordKey, RecordWrite, Store},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{at, setup};

/// How deep DynamoDB lets lists and maps lie in each other.
const LEVELS: usize = 32;

/// Panics at what DynamoDB's guide ("Supported data types and naming rules") says is refused.
fn taken(value: &AttributeValue, level: usize) {
    assert!(level <= LEVELS, "{level} levels");
    match value {
        AttributeValue::M(fields) => {
            assert!(fields.keys().all(|name| !name.is_empty()), "a field without a name: {fields:?}");
            fields.values().for_each(|value| taken(value, level + 1));
        }
        AttributeValue::L(values) => values.iter().for_each(|value| taken(value, level + 1)),
        AttributeValue::N(n) => {
            let size = n.parse::<f64>().unwrap().abs();
            assert!(size == 0.0 || (1e-130..1e126).contains(&size), "{n}");
        }
        _ => {}
    }
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!({"end": [1]}), |inner, n| if n % 2 == 0 { json!([inner]) } else { json!({"in": inner}) })
}

/// What JSON allows and DynamoDB does not, and beside it what both do.
fn odd() -> Vec<(&'static str, Value)> {
    vec![
        ("", json!("no name")),
        ("\u{7f}", json!("a strange one")),
        ("\u{7f}\u{7f}", json!("and stranger")),
        ("arguments", json!({"": 1, "a": {"": {"": []}}, "list": [{"": null}]})),
        ("huge", json!(1e300)),
        ("huge_inside", json!([{"n": -1e300}])),
        ("tiny", json!(5e-324)),
        ("deep", nested(60)),
        ("just_deep_enough", nested(28)),
        ("long_name", json!({"n".repeat(70_000): 1})),
        ("plain", json!({"a": [1, 2.5, "x", null, true, {}]})),
    ]
}

#[tokio::test]
async fn any_json_is_stored_as_what_dynamodb_takes_and_reads_back() {
    let setup = setup().await;
    let key = |n: usize| RecordKey {
        tenant: Name::default(),
        kind: Name::new("note").unwrap(),
        id: Id::new(&format!("n-{n}")).unwrap(),
    };
    for (n, (field, value)) in odd().into_iter().enumerate() {
        let doc = Doc::from_iter([(field.to_owned(), value.clone()), ("visits".to_owned(), json!(1))]);
        let put = RecordWrite::put(key(n), doc.clone(), Expect::Absent, at(0));
        store::commit(&setup.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
        assert_eq!(setup.store.record(&key(n)).await.unwrap().unwrap().doc, doc, "{field}");

        let set = Doc::from_iter([(field.to_owned(), json!({"again": value}))]);
        let patch = Patch { set: set.clone(), add: BTreeMap::from([("visits".to_owned(), 2)]), ..Patch::default() };
        let patch = RecordWrite::Patch {
            key: key(n),
            patch: Box::new(patch),
            expect: Expect::Any,
            version: Uuid::new_v4(),
            at: at(1),
        };
        store::commit(&setup.store, Commit { records: vec![patch], ..Commit::default() }).await.unwrap();
        let doc: Doc = set.into_iter().chain([("visits".to_owned(), json!(3))]).collect();
        assert_eq!(setup.store.record(&key(n)).await.unwrap().unwrap().doc, doc, "{field}, patched");
    }
    for item in setup.everything().await {
        item.values().for_each(|value| taken(value, 1));
    }
}

#[tokio::test]
async fn what_dynamodb_takes_is_stored_in_its_own_types_as_ever() {
    let setup = setup().await;
    let doc = Doc::from_iter([("a".to_owned(), json!({"b": [1, {"c": "d"}]}))]);
    let key = RecordKey { tenant: Name::default(), kind: Name::new("note").unwrap(), id: Id::of("n") };
    let record = Record::new(key, doc, at(0));
    let put = RecordWrite::Put { record: Box::new(record), expect: Expect::Absent };
    store::commit(&setup.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
    let item = setup.everything().await.remove(0);
    let a = &item["doc"].as_m().unwrap()["a"].as_m().unwrap()["b"].as_l().unwrap()[1];
    assert_eq!(a.as_m().unwrap()["c"], AttributeValue::S("d".into()));
}
