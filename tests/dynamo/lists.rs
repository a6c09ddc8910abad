//! Lists are spread over shards and read through indexes: they must come to what one ordered list comes to.

use shared::{
    clock::Timestamp,
    lifecycle::{Priority, Settlement, Task},
    store::{self, Bucket, Filter, ListQuery, Listing, MemoryStore, Page, Store},
};
use uuid::Uuid;

use super::{at, claim, new_task, settle, setup};

/// Every page of a list, joined; `limit` each.
async fn all_pages(store: &dyn Store, query: &ListQuery, limit: usize) -> Vec<Task> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Page { items, next } = store.list(query, after, limit).await.unwrap();
        assert!(items.len() <= limit);
        all.extend(items);
        after = next;
        if after.is_none() {
            return all;
        }
    }
}

/// Thirty tasks of one queue and user in both stores: every priority, some ended.
async fn fill(stores: [&dyn Store; 2]) -> Task {
    let one = new_task(300);
    for n in 0..30_u64 {
        let mut new = shared::lifecycle::NewTask { priority: Priority::ALL[(n % 4) as usize], ..one.clone() };
        new.key.id = Uuid::new_v4();
        let task = Task::accept(new, Uuid::new_v4(), at(n / 3)); // some at the same instant
        let (claimed_commit, claimed) = claim(&task, at(20));
        let end = match n % 3 {
            0 => Settlement::Cancel { reason: "no".into() },
            _ => Settlement::Block { reason: "why".into() },
        };
        let (ended_commit, _) = settle(&claimed, end, at(21 + n / 4));
        for store in stores {
            store::insert(store, task.clone()).await.unwrap();
            if n % 2 == 0 {
                store::commit(store, claimed_commit.clone()).await.unwrap();
            }
            if n % 4 == 0 {
                store::commit(store, ended_commit.clone()).await.unwrap();
            }
        }
    }
    Task::accept(one, Uuid::new_v4(), at(0))
}

#[tokio::test]
async fn shards_merge_into_one_order_and_pages_lose_nothing() {
    let (setup, memory) = (setup().await, MemoryStore::default());
    let like = fill([&memory, &setup.store]).await;
    let (project, queue) = (like.project.clone(), like.queue.clone());
    let mut listings = vec![Listing::User(like.user_id.clone().unwrap())];
    listings.extend(Bucket::ALL.map(|bucket| Listing::Queue {
        project: project.clone(),
        queue: queue.clone(),
        bucket,
    }));
    for listing in listings {
        for status in [None, Some(shared::lifecycle::Status::Running)] {
            let filter = Filter { status, ..Filter::default() };
            let query = ListQuery { tenant: like.key.tenant.clone(), listing: listing.clone(), filter };
            let expected = all_pages(&memory, &query, 100).await;
            for limit in [1, 4, 30, 100] {
                assert_eq!(all_pages(&setup.store, &query, limit).await, expected, "{query:?} by {limit}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_due_comes_oldest_first_from_its_shard() {
    let (setup, memory) = (setup().await, MemoryStore::default());
    fill([&memory, &setup.store]).await;
    let until = at(125);
    let mut found = Vec::new();
    for shard in 0..setup.store.shards() {
        let due = setup.store.due(shard, until, 100).await.unwrap();
        assert!(due.is_sorted_by_key(|due| due.wake_at));
        let first = setup.store.due(shard, until, 1).await.unwrap();
        assert_eq!(first.first(), due.first());
        found.extend(due);
    }
    let mut expected = memory.due(0, until, 100).await.unwrap();
    let order = |due: &store::Due| -> (Timestamp, String) { (due.wake_at, format!("{:?}", due.item)) };
    expected.sort_by_key(order);
    found.sort_by_key(order);
    assert_eq!(found, expected);
    assert!(!found.is_empty());
}
