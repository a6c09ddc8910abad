//! Rows as other programs see and spoil them, and lists longer than one look.

use errand::{
    Expect, Name, StoreError, Task,
    spi::store::{self, Bucket, Commit, Due, DueItem, Filter, ListQuery, Listing, StatsScope, Store},
};
use integration_tests::conformance::{
    fixtures::{at, claimed, id, insert, name, put, record, stored, task, tenant, writes},
    unreadable::lists_leave_out_what_cannot_be_read,
};
use serde_json::json;

use super::Fixture;

fn corrupt_id<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(StoreError::Corrupt { id, .. }) => id,
        other => panic!("expected a corrupt item, found {other:?}"),
    }
}

#[tokio::test]
async fn an_unreadable_task_is_named_and_can_be_set_aside() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let tenant = tenant();
    let (good, bad) = (insert(store, task(&tenant)).await, insert(store, task(&tenant)).await);
    let spoil = "UPDATE tasks SET status = 'dreaming' WHERE id = ?1";
    fixture.tool().execute(spoil, [bad.key.id.as_bytes()]).unwrap();

    let answers = store.tasks(&[good.key.clone(), bad.key.clone()]).await;
    assert!(matches!(&answers[0], Ok(Some(task)) if *task == good));
    assert_eq!(corrupt_id(answers.into_iter().nth(1).unwrap()), bad.key.id.to_string());

    let change = |task: &Task| Commit::change(task.version, claimed(task, at(1)));
    store::commit(store, change(&good)).await.unwrap();
    assert_eq!(corrupt_id(store::commit(store, change(&bad)).await), bad.key.id.to_string());

    let due = Due { item: DueItem::Task(bad.key.clone()), wake_at: bad.wake_at.unwrap() };
    assert!(store.due(0, at(5000), 9).await.unwrap().contains(&due));
    store.set_aside(&due, at(6000)).await.unwrap();
    assert!(!store.due(0, at(5000), 9).await.unwrap().contains(&due));
}

#[tokio::test]
async fn what_cannot_be_read_is_left_out_of_lists() {
    let fixture = Fixture::new();
    let spoil = async |task: &Task| {
        let spoil = "UPDATE tasks SET last_errors = 'half of {' WHERE id = ?1";
        fixture.tool().execute(spoil, [task.key.id.as_bytes()]).unwrap();
    };
    lists_leave_out_what_cannot_be_read(&fixture.store, spoil).await;
}

/// More of them in a row than one page looks at.
#[tokio::test]
async fn a_list_goes_on_behind_a_thousand_tasks_that_cannot_be_read() {
    let Fixture { store, dir } = Fixture::new();
    let tenant = tenant();
    store.insert((0..1500).map(|n| Task { created_at: at(n), ..task(&tenant) }).collect()).await;
    let tool = rusqlite::Connection::open(dir.path().join("errand.db")).unwrap();
    tool.execute("UPDATE tasks SET last_errors = 'half of {'", []).unwrap();
    let good = insert(&store, Task { created_at: at(9999), ..task(&tenant) }).await;
    let listing = Listing::Queue { project: Name::default(), queue: Name::default(), bucket: Bucket::Open };
    let query = ListQuery { tenant, listing, filter: Filter::default() };
    let first = store.list(&query, None, 10).await.unwrap();
    assert!(first.items.is_empty() && first.next.is_some(), "{first:?}");
    assert_eq!(store.list(&query, first.next, 10).await.unwrap().items, [good]);
}

#[tokio::test]
async fn an_unreadable_record_is_named() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let note = stored(store, record(&tenant(), &json!({}))).await;
    fixture.tool().execute("UPDATE records SET doc = 'half of {'", []).unwrap();
    assert_eq!(corrupt_id(store.record(&note.key).await), note.key.id.to_string());
    let over = writes(vec![put(&note, Expect::Any)]);
    assert_eq!(corrupt_id(store::commit(store, over).await), note.key.id.to_string());
}

#[tokio::test]
async fn the_tables_read_like_the_structs() {
    let fixture = Fixture::new();
    let task = insert(&fixture.store, task(&tenant()).asking(|asked| asked.user_id = Some(id("u-7")))).await;
    let sql = "SELECT lower(hex(id)), tenant, task_type, status, user_id, payload, wake_at FROM tasks";
    let row: (String, String, String, String, String, String, i64) = fixture
        .tool()
        .query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?)))
        .unwrap();
    assert_eq!(row.0, task.key.id.simple().to_string());
    assert_eq!((row.1.as_str(), row.2.as_str()), (task.key.tenant.as_str(), "scripted"));
    assert_eq!((row.3.as_str(), row.4.as_str(), row.5.as_str()), ("pending", "u-7", r#"{"n":1}"#));
    assert_eq!(row.6, task.wake_at.unwrap().as_millis());
}

#[tokio::test]
async fn a_filter_that_shows_one_task_of_many_goes_on_through_short_pages() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let tenant = tenant();
    let tasks: Vec<Task> = (0..2500).map(|n| Task { created_at: at(n), ..task(&tenant) }).collect();
    store.insert(tasks).await;
    let wanted =
        insert(&store, Task { created_at: at(9999), ..task(&tenant) }.asking(|asked| asked.lane = name("rare"))).await;
    let listing = Listing::Queue { project: Name::default(), queue: Name::default(), bucket: Bucket::Open };
    let filter = Filter { lane: Some(name("rare")), ..Filter::default() };
    let query = ListQuery { tenant: tenant.clone(), listing, filter };

    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = store.list(&query, after, 10).await.unwrap();
        found.extend(page.items);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (vec![wanted], 3));
    assert_eq!(store.stats(&StatsScope::All, at(0)).await.unwrap().now.pending, 2501);
    assert_eq!(store::task(&store, &task(&tenant).key).await.unwrap(), None);
}
