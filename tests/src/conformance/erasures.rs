//! Tasks that are removed for good: what is left of them, and of others.

use errand::{
    Asked, Task,
    spi::{
        json::Json,
        lifecycle::{Trigger, log::LogEntry},
        store::{Bucket, Filter, ListQuery, Listing, Part, Store},
    },
};
use serde_json::json;

use super::{
    Case,
    changes::conflict,
    fixtures::{
        accepted, at, change, changed, claimed, complete, failed, id, insert, log, new, now, read, task, tenant,
    },
};

pub(super) const CASES: &[Case] = &[
    Case { name: "an_erased_task_is_found_nowhere_and_its_rows_say_nothing", check: |s| Box::pin(nowhere(s)) },
    Case { name: "a_task_is_erased_only_as_it_was_read_and_only_once_it_has_ended", check: |s| Box::pin(as_read(s)) },
    Case { name: "what_is_gone_may_be_erased_again_and_its_id_taken_anew", check: |s| Box::pin(anew(s)) },
];

/// A task about somebody, with a payload of so many bytes, that has failed for good.
async fn about(store: &dyn Store, bytes: usize) -> Task {
    let payload = Json::new(&json!({"text": "x".repeat(bytes)}));
    let asked = Asked {
        user_id: Some(id("ada")),
        context_id: Some(id("c-1")),
        parent_id: Some(errand::spi::ids::fresh()),
        max_retries: 0,
        ..new(&tenant())
    };
    let task = insert(store, accepted(asked.with_payload(payload))).await;
    let later = Trigger::Reschedule { run_at: at(1), by: "ada".to_owned(), if_due: false };
    let task = change(store, &task, changed(&task, later, at(1))).await;
    let running = change(store, &task, claimed(&task, at(2))).await;
    change(store, &running, failed(&running, at(3))).await
}

fn lists(task: &Task) -> [Listing; 3] {
    let (project, queue) = (task.project.clone(), task.queue.clone());
    [
        Listing::Queue { project, queue, bucket: Bucket::of(task.status()) },
        Listing::User(task.user_id.clone().unwrap()),
        Listing::Children(task.parent_id.unwrap()),
    ]
}

async fn listed(store: &dyn Store, task: &Task) -> Vec<usize> {
    let mut found = Vec::new();
    for listing in lists(task) {
        let query = ListQuery { tenant: task.key.tenant.clone(), listing, filter: Filter::default() };
        found.push(store.list(&query, None, 9).await.unwrap().items.len());
    }
    found
}

async fn nowhere(store: &dyn Store) {
    for bytes in [9, 9_999] {
        let task = about(store, bytes).await;
        let other = complete(store, self::task(&task.key.tenant), at(9)).await;
        let rows = log(store, &task).await;
        assert!(rows.iter().any(|row| row.failure.is_some()) && rows.iter().all(|row| row.user_id.is_some()));
        assert_eq!(listed(store, &task).await, [1, 1, 1]);

        store.erase(&task).await.unwrap();
        assert!(matches!(&store.tasks(std::slice::from_ref(&task.key)).await[..], [Ok(None)]));
        assert_eq!(listed(store, &task).await, [0, 0, 0]);
        for shard in 0..store.shards() {
            let due = store.due(shard, at(9_999_999), 10_000).await.unwrap();
            assert!(!due.iter().any(|due| due.item == errand::spi::store::DueItem::Task(task.key.clone())));
        }
        // A store may keep no log of what is not there; what it keeps says nothing.
        let left = log(store, &task).await;
        let blank: Vec<LogEntry> = rows.into_iter().map(LogEntry::blank).collect();
        assert!(left.is_empty() || left == blank, "{left:#?}");
        assert_eq!(read(store, &other.key).await, other);
        assert_eq!(log(store, &other).await.len(), 1);
    }
}

async fn as_read(store: &dyn Store) {
    let before = about(store, 9).await;
    let again = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    let open = change(store, &before, changed(&before, again, at(5))).await;
    for seen in [&before, &open] {
        assert_eq!(conflict(store.erase(seen).await), [Part::Task]);
    }
    assert_eq!(read(store, &open.key).await, open);
    assert!(log(store, &open).await.iter().all(|row| row.user_id.is_some()), "nothing was taken from what stays");
}

async fn anew(store: &dyn Store) {
    let first = about(store, 9_999).await;
    store.erase(&first).await.unwrap();
    store.erase(&first).await.unwrap();
    let asked = Asked { key: first.key.clone(), ..new(&first.key.tenant) };
    let second =
        insert(store, Task::accept(asked, errand::spi::ids::fresh(), now() + std::time::Duration::from_secs(60))).await;
    assert_eq!(log(store, &second).await, []);
    let running = change(store, &second, claimed(&second, at(61))).await;
    let ended = change(store, &running, failed(&running, at(62))).await;
    assert_eq!(log(store, &ended).await.len(), usize::try_from(ended.log_seq).unwrap());
    // The first as it was is not this one.
    assert_eq!(conflict(store.erase(&first).await), [Part::Task]);
    assert_eq!(read(store, &ended.key).await, ended);
}
