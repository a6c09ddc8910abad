//! Lists are spread over shards and read through indexes: they must come to what one ordered list comes to.

use errand::{
    Asked, Priority, Status, Task, Timestamp,
    spi::{
        lifecycle::Settlement,
        store::{self, Bucket, Due, Filter, ListQuery, Listing, MemoryStore, Page, Store},
    },
};
use errand_aws::{
    Shards,
    dynamo::{Config, DynamoStore},
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

/// Thirty tasks like `one`, of its queue and user, in both stores: every priority, some ended.
async fn fill(stores: [&dyn Store; 2], one: &Asked) {
    for n in 0..30_u64 {
        let mut new = Asked { priority: Priority::ALL[(n % 4) as usize], ..one.clone() };
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
}

/// Every list of what is like `one` is on `store` what it is in memory.
async fn lists_are_those_in_memory(store: &dyn Store, memory: &MemoryStore, like: &Asked) {
    let (project, queue) = (like.project.clone(), like.queue.clone());
    let mut listings = vec![Listing::User(like.user_id.clone().unwrap())];
    listings.extend(Bucket::ALL.map(|bucket| Listing::Queue {
        project: project.clone(),
        queue: queue.clone(),
        bucket,
    }));
    for listing in listings {
        for status in [None, Some(Status::Running)] {
            let filter = Filter { status, ..Filter::default() };
            let query = ListQuery { tenant: like.key.tenant.clone(), listing: listing.clone(), filter };
            let expected = all_pages(memory, &query, 100).await;
            for limit in [1, 7, 100] {
                assert_eq!(all_pages(store, &query, limit).await, expected, "{query:?} by {limit}");
            }
        }
    }
}

/// What is due by `until`, of all parts, in some order.
async fn due(store: &dyn Store, until: Timestamp) -> Vec<Due> {
    let mut found = Vec::new();
    for shard in 0..store.shards() {
        found.extend(store.due(shard, until, 100).await.unwrap());
    }
    found.sort_by_key(|due| (due.wake_at, format!("{:?}", due.item)));
    found
}

#[tokio::test]
async fn shards_merge_into_one_order_and_pages_lose_nothing() {
    let (setup, memory, one) = (setup().await, MemoryStore::default(), new_task(300));
    fill([&memory, &setup.store], &one).await;
    lists_are_those_in_memory(&setup.store, &memory, &one).await;
}

#[tokio::test]
async fn more_parts_are_read_beside_those_that_were_written_before() {
    let (setup, memory, one) = (setup().await, MemoryStore::default(), new_task(300));
    let with = |shards| DynamoStore::new(setup.client.clone(), Config { shards, ..setup.config.clone() });
    let few = with(Shards { due: 2, queue: 2, user: 1 });
    let more = with(Shards { due: 5, queue: 7, user: 4 });
    fill([&memory, &few], &one).await;
    lists_are_those_in_memory(&more, &memory, &one).await;
    assert_eq!(due(&more, at(9000)).await, due(&memory, at(9000)).await);

    // New ones, and the next writes of the old ones, which then move.
    let old = due(&memory, at(9000)).await;
    fill([&memory, &more], &one).await;
    let mut moved = 0;
    for due in old {
        let store::DueItem::Task(key) = due.item else { panic!("{due:?}") };
        let task = store::task(&more, &key).await.unwrap().unwrap();
        if task.status() == Status::Pending {
            let (commit, _) = claim(&task, at(30));
            store::commit(&memory, commit.clone()).await.unwrap();
            store::commit(&more, commit).await.unwrap();
            moved += 1;
        }
    }
    assert!(moved > 5);
    lists_are_those_in_memory(&more, &memory, &one).await;
    assert_eq!(due(&more, at(9000)).await, due(&memory, at(9000)).await);
}

#[tokio::test]
async fn what_is_due_comes_oldest_first_from_its_shard() {
    let (setup, memory) = (setup().await, MemoryStore::default());
    fill([&memory, &setup.store], &new_task(300)).await;
    let until = at(125);
    for shard in 0..setup.store.shards() {
        let due = setup.store.due(shard, until, 100).await.unwrap();
        assert!(due.is_sorted_by_key(|due| due.wake_at));
        let first = setup.store.due(shard, until, 1).await.unwrap();
        assert_eq!(first.first(), due.first());
    }
    let found = due(&setup.store, until).await;
    assert_eq!(found, due(&memory, until).await);
    assert!(!found.is_empty());
}
