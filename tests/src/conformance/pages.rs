//! Pages of tasks: filters, and cursors that neither lose nor double a task.

use errand::{
    Asked, Priority, Status, Task,
    spi::{
        json::Json,
        lifecycle::Trigger,
        store::{BODY_BYTES, Bucket, Filter, ListQuery, Position, Store, TASK_PAGE_BYTES},
    },
};
use serde_json::json;

use super::{
    Case,
    fixtures::{accepted, at, change, changed, claimed, complete, insert, name, new, now, task, tenant},
    lists::{created, queue, user},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "filters_show_what_they_name_page_by_page", check: |s| Box::pin(filters(s)) },
    Case { name: "a_filter_that_shows_nothing_ends", check: |s| Box::pin(nothing(s)) },
    Case { name: "a_page_goes_on_while_tasks_are_inserted", check: |s| Box::pin(insertions(s)) },
    Case { name: "a_page_of_ended_tasks_goes_on_while_others_end", check: |s| Box::pin(endings(s)) },
    Case { name: "a_page_goes_on_when_its_last_task_has_left", check: |s| Box::pin(left(s)) },
    Case { name: "a_page_of_large_tasks_is_cut_and_goes_on", check: |s| Box::pin(large(s)) },
    Case { name: "a_cursor_survives_as_text", check: |s| Box::pin(text(s)) },
];

/// All pages of at most `limit`, joined. A page may be short, or empty, while its cursor goes on.
pub(super) async fn all(store: &dyn Store, query: &ListQuery, limit: usize) -> Vec<Task> {
    from(store, query, None, limit).await
}

async fn from(store: &dyn Store, query: &ListQuery, mut after: Option<Position>, limit: usize) -> Vec<Task> {
    let mut found = Vec::new();
    for _ in 0..200 {
        let page = store.list(query, after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
    panic!("the list does not end");
}

async fn filters(store: &dyn Store) {
    let tenant = tenant();
    let mut tasks = Vec::new();
    for n in 0..12_u64 {
        let lane = name(["a", "b"][n as usize % 2]);
        let task_type = name(["x", "y", "z"][n as usize % 3]);
        let new = Asked { lane, task_type, user_id: Some(super::fixtures::id("u")), ..new(&tenant) };
        let task = Task { created_at: at(n), ..accepted(new) };
        let task = insert(store, task).await;
        tasks.push(if n % 4 == 0 { change(store, &task, claimed(&task, at(20 + n))).await } else { task });
    }
    let open = Filter::default();
    let filters = [
        Filter { status: Some(Status::Running), ..open.clone() },
        Filter { status: Some(Status::Pending), ..open.clone() },
        Filter { lane: Some(name("b")), ..open.clone() },
        Filter { task_type: Some(name("z")), ..open.clone() },
        Filter { updated_after: Some(at(24)), ..open.clone() },
        Filter { lane: Some(name("a")), task_type: Some(name("y")), status: Some(Status::Running), ..open },
    ];
    for filter in filters {
        let expected: Vec<Task> = tasks.iter().filter(|task| filter.shows(task)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < tasks.len(), "the filter {filter:?} shows nothing, or all");
        for limit in [1, 2, 50] {
            let query = ListQuery { filter: filter.clone(), ..queue(&tenant, Bucket::Open) };
            assert_eq!(all(store, &query, limit).await, expected);
            let query = ListQuery { filter: filter.clone(), ..user(&tenant, "u") };
            let newest: Vec<Task> = expected.iter().rev().cloned().collect();
            assert_eq!(all(store, &query, limit).await, newest);
        }
    }
}

async fn nothing(store: &dyn Store) {
    let tenant = tenant();
    for _ in 0..3 {
        insert(store, task(&tenant)).await;
    }
    let filter = Filter { lane: Some(name("nobody")), ..Filter::default() };
    assert_eq!(all(store, &ListQuery { filter, ..queue(&tenant, Bucket::Open) }, 1).await, []);
}

async fn insertions(store: &dyn Store) {
    let tenant = tenant();
    let mut first = Vec::new();
    for s in [10, 20, 30, 40] {
        first.push(insert(store, created(&tenant, Priority::Medium, at(s))).await);
    }
    let list = queue(&tenant, Bucket::Open);
    let page = store.list(&list, None, 2).await.unwrap();
    assert_eq!(page.items, first[..2]);
    insert(store, created(&tenant, Priority::Urgent, at(50))).await;
    insert(store, created(&tenant, Priority::Medium, at(15))).await;
    let between = insert(store, created(&tenant, Priority::Medium, at(35))).await;
    let behind = insert(store, created(&tenant, Priority::Low, at(1))).await;
    let rest = from(store, &list, page.next, 2).await;
    assert_eq!(rest, [first[2].clone(), between, first[3].clone(), behind]);
}

async fn endings(store: &dyn Store) {
    let tenant = tenant();
    let mut first = Vec::new();
    for s in [40, 30, 20, 10] {
        first.push(complete(store, task(&tenant), at(s)).await);
    }
    let list = queue(&tenant, Bucket::Completed);
    let page = store.list(&list, None, 2).await.unwrap();
    assert_eq!(page.items, first[..2]);
    complete(store, task(&tenant), at(50)).await;
    assert_eq!(from(store, &list, page.next, 1).await, first[2..]);
}

async fn large(store: &dyn Store) {
    let tenant = tenant();
    let payload = Json::new(&json!("x".repeat(BODY_BYTES - 2)));
    let mut expected = Vec::new();
    for s in 0..30 {
        let task = created(&tenant, Priority::Medium, at(s)).asking(|asked| {
            asked.payload = payload.clone();
            asked.payload_hash = payload.hash();
        });
        expected.push(insert(store, task).await.key.clone());
    }
    let (list, fit) = (queue(&tenant, Bucket::Open), TASK_PAGE_BYTES / BODY_BYTES);
    let page = store.list(&list, None, 100).await.unwrap();
    // A store may read some more before it knows how large they are.
    assert!((fit..=fit + 10).contains(&page.items.len()), "{} tasks", page.items.len());
    let found: Vec<_> = all(store, &list, 100).await.into_iter().map(|task| task.key.clone()).collect();
    assert_eq!(found, expected);
}

async fn left(store: &dyn Store) {
    let tenant = tenant();
    let mut first = Vec::new();
    for s in [10, 20, 30] {
        first.push(insert(store, created(&tenant, Priority::Medium, at(s))).await);
    }
    let list = queue(&tenant, Bucket::Open);
    let page = store.list(&list, None, 1).await.unwrap();
    let cancel = Trigger::Cancel { reason: "no".to_owned(), by: "me".to_owned() };
    change(store, &first[0], changed(&first[0], cancel, now())).await;
    assert_eq!(from(store, &list, page.next, 1).await, first[1..]);
}

async fn text(store: &dyn Store) {
    let tenant = tenant();
    let a = insert(store, created(&tenant, Priority::High, at(1))).await;
    let b = insert(store, created(&tenant, Priority::Low, at(1))).await;
    let list = queue(&tenant, Bucket::Open);
    let page = store.list(&list, None, 1).await.unwrap();
    assert_eq!(page.items, [a]);
    let cursor = Position::from_cursor(&page.next.unwrap().to_cursor());
    assert_eq!(from(store, &list, cursor, 1).await, [b]);
}
