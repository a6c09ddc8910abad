//! Lists of tasks: what stands in them, and in what order.

use errand::{
    Asked, Name, Priority, Task, Timestamp,
    spi::{
        lifecycle::Trigger,
        store::{Bucket, Filter, ListQuery, Listing, Store},
    },
};

use super::{
    Case,
    fixtures::{accepted, at, change, changed, claimed, complete, failed, id, insert, name, new, task, tenant},
    pages::all,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "open_tasks_stand_by_priority_then_age", check: |s| Box::pin(open(s)) },
    Case { name: "ended_tasks_stand_by_their_end_newest_first", check: |s| Box::pin(ended(s)) },
    Case { name: "a_task_stands_in_the_list_of_its_state_and_no_other", check: |s| Box::pin(one_list(s)) },
    Case { name: "a_queue_shows_its_own_tasks_only", check: |s| Box::pin(queues(s)) },
    Case { name: "a_users_tasks_stand_newest_first_whatever_their_state", check: |s| Box::pin(users(s)) },
    Case { name: "what_follows_from_a_task_stands_newest_first_whatever_its_state", check: |s| Box::pin(children(s)) },
    Case { name: "tasks_of_the_same_instant_stand_by_id", check: |s| Box::pin(ties(s)) },
];

/// The default queue's list of `bucket`, unfiltered.
pub(super) fn queue(tenant: &Name, bucket: Bucket) -> ListQuery {
    let listing = Listing::Queue { project: Name::default(), queue: Name::default(), bucket };
    ListQuery { tenant: tenant.clone(), listing, filter: Filter::default() }
}

/// A user's list, unfiltered.
pub(super) fn user(tenant: &Name, user: &str) -> ListQuery {
    ListQuery { tenant: tenant.clone(), listing: Listing::User(id(user)), filter: Filter::default() }
}

/// A task of this priority and age.
pub(super) fn created(tenant: &Name, priority: Priority, created_at: Timestamp) -> Task {
    Task { created_at, ..accepted(Asked { priority, ..new(tenant) }) }
}

async fn open(store: &dyn Store) {
    let tenant = tenant();
    let mut expected = Vec::new();
    for (n, priority) in Priority::ALL.into_iter().rev().cycle().take(12).enumerate() {
        let created_at = at(100 - (n as u64 * 7) % 50);
        expected.push(insert(store, created(&tenant, priority, created_at)).await);
    }
    expected.sort_by_key(|task| (task.priority.rank(), task.created_at));
    for limit in [1, 5, 12, 50] {
        assert_eq!(all(store, &queue(&tenant, Bucket::Open), limit).await, expected);
    }
    // A claim moves nothing.
    let running = change(store, &expected[3], claimed(&expected[3], at(200))).await;
    expected[3] = running;
    assert_eq!(all(store, &queue(&tenant, Bucket::Open), 5).await, expected);
}

async fn ended(store: &dyn Store) {
    let tenant = tenant();
    let mut expected = Vec::new();
    for (n, priority) in Priority::ALL.into_iter().cycle().take(7).enumerate() {
        let ended_at = at(100 + (n as u64 * 11) % 40);
        let task = accepted(Asked { priority, ..new(&tenant) });
        expected.push(complete(store, task, ended_at).await);
    }
    expected.sort_by_key(|task| std::cmp::Reverse(task.ended_at));
    for limit in [1, 3, 7, 50] {
        assert_eq!(all(store, &queue(&tenant, Bucket::Completed), limit).await, expected);
    }
}

async fn one_list(store: &dyn Store) {
    let tenant = tenant();
    let mut task = insert(store, task(&tenant)).await;
    stands_in(store, &task, Bucket::Open).await;
    task = change(store, &task, claimed(&task, at(1))).await;
    stands_in(store, &task, Bucket::Open).await;
    task = change(store, &task, failed(&task, at(2))).await;
    stands_in(store, &task, Bucket::Failed).await;
    task = change(store, &task, changed(&task, Trigger::DeadLettered { redrives: 0 }, at(3))).await;
    stands_in(store, &task, Bucket::Failed).await;
    let redrive = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    task = change(store, &task, changed(&task, redrive, at(4))).await;
    stands_in(store, &task, Bucket::Open).await;
    task = change(store, &task, changed(&task, Trigger::Cancel { reason: "no".into(), by: "me".into() }, at(5))).await;
    stands_in(store, &task, Bucket::Cancelled).await;
}

async fn stands_in(store: &dyn Store, task: &Task, bucket: Bucket) {
    for list in Bucket::ALL {
        let expected = if list == bucket { vec![task.clone()] } else { vec![] };
        assert_eq!(all(store, &queue(&task.key.tenant, list), 9).await, expected, "{list:?}");
    }
}

async fn queues(store: &dyn Store) {
    let tenant = tenant();
    let here = insert(store, task(&tenant)).await;
    insert(store, accepted(Asked { queue: name("other"), ..new(&tenant) })).await;
    insert(store, accepted(Asked { project: name("other"), ..new(&tenant) })).await;
    assert_eq!(all(store, &queue(&tenant, Bucket::Open), 9).await, [here]);
    let empty = Listing::Queue { project: name("none"), queue: name("none"), bucket: Bucket::Open };
    let empty = ListQuery { listing: empty, ..queue(&tenant, Bucket::Open) };
    assert_eq!(all(store, &empty, 9).await, []);
}

async fn users(store: &dyn Store) {
    let tenant = tenant();
    let about =
        |user: &str, s| Task { created_at: at(s), ..task(&tenant) }.asking(|asked| asked.user_id = Some(id(user)));
    let mut expected = vec![
        insert(store, about("u1", 3)).await,
        insert(store, about("u1", 1)).await,
        complete(store, about("u1", 2), at(9)).await,
        insert(store, about("u1", 4).asking(|asked| asked.queue = name("other"))).await,
    ];
    insert(store, about("u2", 2)).await;
    insert(store, task(&tenant)).await;
    expected.sort_by_key(|task| std::cmp::Reverse(task.created_at));
    for limit in [1, 2, 9] {
        assert_eq!(all(store, &user(&tenant, "u1"), limit).await, expected);
    }
    let filter = Filter { bucket: Some(Bucket::Open), ..Filter::default() };
    expected.retain(|task| task.ended_at.is_none());
    assert_eq!(all(store, &ListQuery { filter, ..user(&tenant, "u1") }, 2).await, expected);
}

async fn children(store: &dyn Store) {
    let (tenant, other) = (tenant(), tenant());
    let parent = insert(store, task(&tenant)).await.key.id;
    let of =
        |tenant: &Name, s| Task { created_at: at(s), ..task(tenant) }.asking(|asked| asked.parent_id = Some(parent));
    let mut expected = vec![
        insert(store, of(&tenant, 3)).await,
        insert(store, of(&tenant, 1)).await,
        complete(store, of(&tenant, 2), at(9)).await,
        insert(store, of(&tenant, 4).asking(|asked| asked.queue = name("other"))).await,
    ];
    insert(store, of(&other, 2)).await;
    insert(store, task(&tenant).asking(|asked| asked.parent_id = Some(expected[0].key.id))).await;
    insert(store, task(&tenant)).await;
    expected.sort_by_key(|task| std::cmp::Reverse(task.created_at));
    let query = ListQuery { tenant: tenant.clone(), listing: Listing::Children(parent), filter: Filter::default() };
    for limit in [1, 2, 9] {
        assert_eq!(all(store, &query, limit).await, expected);
    }
    // A claim and an end move nothing.
    let running = change(store, &expected[0], claimed(&expected[0], at(20))).await;
    expected[0] = change(store, &running, super::fixtures::completed(&running, at(21))).await;
    assert_eq!(all(store, &query, 3).await, expected);
}

async fn ties(store: &dyn Store) {
    let tenant = tenant();
    let mut expected = Vec::new();
    for _ in 0..6 {
        expected.push(insert(store, task(&tenant).asking(|asked| asked.user_id = Some(id("u")))).await);
    }
    expected.sort_by_key(|task| task.key.id);
    let newest: Vec<Task> = expected.iter().rev().cloned().collect();
    for limit in [1, 2, 4, 6] {
        assert_eq!(all(store, &queue(&tenant, Bucket::Open), limit).await, expected);
        assert_eq!(all(store, &user(&tenant, "u"), limit).await, newest);
    }
    for task in &mut expected {
        let running = change(store, task, claimed(task, at(1))).await;
        *task = change(store, &running, super::fixtures::completed(&running, at(2))).await;
    }
    expected.reverse();
    for limit in [1, 4, 6] {
        assert_eq!(all(store, &queue(&tenant, Bucket::Completed), limit).await, expected);
    }
}
