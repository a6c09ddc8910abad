//! Records by what they belong to.

use errand::{
    Expect, Name, Patch, Relation,
    spi::store::{self, RECORD_BYTES, RECORD_PAGE_BYTES, Record, RecordWrite, Related, RelationKind, Store},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    fixtures::{id, name, now, put, record, stored, tenant, writes},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "related_records_are_listed_in_both_orders_page_by_page", check: |s| Box::pin(pages(s)) },
    Case { name: "records_of_one_sort_key_are_all_listed", check: |s| Box::pin(ties(s)) },
    Case { name: "a_sort_key_that_begins_another_stands_before_it", check: |s| Box::pin(prefixes(s)) },
    Case { name: "a_list_shows_one_kind_one_relation_one_other", check: |s| Box::pin(apart(s)) },
    Case { name: "a_record_whose_owner_changes_moves_to_the_other_list", check: |s| Box::pin(moves(s)) },
    Case { name: "a_page_of_large_records_is_cut_and_goes_on", check: |s| Box::pin(large(s)) },
    Case { name: "a_page_of_records_goes_on_behind_records_added_meanwhile", check: |s| Box::pin(stable(s)) },
];

const BOTH: [RelationKind; 2] = [RelationKind::Parent, RelationKind::Owner];

fn related(tenant: &Name, by: RelationKind, of: &str, newest_first: bool) -> Related {
    Related { tenant: tenant.clone(), kind: name("note"), by, of: id(of), newest_first }
}

fn belonging(tenant: &Name, by: RelationKind, of: &str, sort: &str) -> Record {
    let relation = Some(Relation { of: id(of), sort: sort.to_owned() });
    let record = record(tenant, &json!({"sort": sort}));
    match by {
        RelationKind::Parent => Record { parent: relation, ..record },
        RelationKind::Owner => Record { owner: relation, ..record },
    }
}

/// All pages of `limit`, joined.
async fn all(store: &dyn Store, related: &Related, limit: usize) -> Vec<Record> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..100 {
        let page = store.records(related, after.as_deref(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
    panic!("the list does not end");
}

async fn pages(store: &dyn Store) {
    let tenant = tenant();
    for by in BOTH {
        let mut records = Vec::new();
        for sort in ["05", "01", "ä", "03", "02", "zz", "04"] {
            records.push(stored(store, belonging(&tenant, by, "x", sort)).await);
        }
        records.sort_by_key(|record| record.relation(by).unwrap().sort.clone());
        for limit in [1, 2, 3, 7, 50] {
            assert_eq!(all(store, &related(&tenant, by, "x", false), limit).await, records);
            let newest: Vec<Record> = records.iter().rev().cloned().collect();
            assert_eq!(all(store, &related(&tenant, by, "x", true), limit).await, newest);
        }
    }
}

async fn large(store: &dyn Store) {
    let tenant = tenant();
    let mut expected = Vec::new();
    for sort in ["1", "2", "3", "4", "5", "6", "7"] {
        let mut large = belonging(&tenant, RelationKind::Owner, "x", sort);
        large.doc.insert("text".to_owned(), json!("x".repeat(RECORD_BYTES - 1024)));
        expected.push(stored(store, large).await.key);
    }
    let of = related(&tenant, RelationKind::Owner, "x", false);
    let page = store.records(&of, None, 100).await.unwrap();
    let fit = RECORD_PAGE_BYTES / RECORD_BYTES + 1;
    // A store may read some more before it knows how large they are.
    assert!((fit..=fit + 1).contains(&page.items.len()), "{} records", page.items.len());
    let found: Vec<_> = all(store, &of, 100).await.into_iter().map(|record| record.key).collect();
    assert_eq!(found, expected);
}

async fn ties(store: &dyn Store) {
    let tenant = tenant();
    let mut records = Vec::new();
    for _ in 0..5 {
        records.push(stored(store, belonging(&tenant, RelationKind::Parent, "x", "same")).await);
    }
    records.sort_by(|a, b| a.key.id.cmp(&b.key.id));
    for limit in [1, 2, 5] {
        assert_eq!(all(store, &related(&tenant, RelationKind::Parent, "x", false), limit).await, records);
    }
}

async fn prefixes(store: &dyn Store) {
    let tenant = tenant();
    let mut records = Vec::new();
    for sort in ["", "a", "a-b", "ab"] {
        records.push(stored(store, belonging(&tenant, RelationKind::Owner, "x", sort)).await);
    }
    assert_eq!(all(store, &related(&tenant, RelationKind::Owner, "x", false), 2).await, records);
}

async fn apart(store: &dyn Store) {
    let tenant = tenant();
    let mine = stored(store, belonging(&tenant, RelationKind::Parent, "x", "1")).await;
    stored(store, belonging(&tenant, RelationKind::Parent, "x.2", "1")).await;
    stored(store, belonging(&tenant, RelationKind::Owner, "x", "1")).await;
    let mut other_kind = belonging(&tenant, RelationKind::Parent, "x", "1");
    other_kind.key.kind = name("other");
    stored(store, other_kind).await;
    assert_eq!(all(store, &related(&tenant, RelationKind::Parent, "x", false), 9).await, [mine]);
    assert_eq!(all(store, &related(&tenant, RelationKind::Parent, "nobody", true), 9).await, []);
}

async fn moves(store: &dyn Store) {
    let tenant = tenant();
    let first = stored(store, belonging(&tenant, RelationKind::Owner, "x", "1")).await;
    let list = |of: &'static str| related(&tenant, RelationKind::Owner, of, false);
    let relation = Some(Relation { of: id("y"), sort: "7".to_owned() });
    for (owner, at_x, at_y) in [(relation, 0, 1), (None, 0, 0)] {
        let patch = Patch { owner: Some(owner), ..Patch::default() };
        let (key, version) = (first.key.clone(), Uuid::new_v4());
        let write = RecordWrite::Patch { key, patch: Box::new(patch), expect: Expect::Any, version, at: now() };
        store::commit(store, writes(vec![write])).await.unwrap();
        assert_eq!(all(store, &list("x"), 9).await.len(), at_x);
        assert_eq!(all(store, &list("y"), 9).await.len(), at_y);
    }
    store::commit(store, writes(vec![put(&first, Expect::Any)])).await.unwrap();
    assert_eq!(all(store, &list("x"), 9).await, [first]);
}

async fn stable(store: &dyn Store) {
    let tenant = tenant();
    for sort in ["2", "4", "6"] {
        stored(store, belonging(&tenant, RelationKind::Parent, "x", sort)).await;
    }
    let list = related(&tenant, RelationKind::Parent, "x", false);
    let page = store.records(&list, None, 2).await.unwrap();
    for sort in ["1", "3", "5"] {
        stored(store, belonging(&tenant, RelationKind::Parent, "x", sort)).await;
    }
    let rest = store.records(&list, page.next.as_deref(), 9).await.unwrap();
    let sorts: Vec<_> = rest.items.iter().map(|record| record.parent.clone().unwrap().sort).collect();
    assert_eq!(sorts, ["5", "6"]);
}
