//! How long work waits: the oldest task that is due.

use errand::{
    Asked, Name, Priority, Task,
    spi::{
        lifecycle::Trigger,
        store::{StatsScope, Store},
    },
};

use super::{
    Case,
    fixtures::{accepted, at, change, changed, claimed, failed, insert, name, new, tenant},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "the_oldest_due_task_is_the_one_that_waits_longest", check: |s| Box::pin(oldest(s)) },
    Case { name: "a_redriven_task_waits_from_its_redrive", check: |s| Box::pin(redriven(s)) },
];

fn scope(tenant: &Name) -> StatsScope {
    StatsScope::Queue { tenant: tenant.clone(), project: Name::default(), queue: Name::default() }
}

fn scheduled(tenant: &Name, priority: Priority, s: u64) -> Task {
    accepted(Asked { priority, scheduled_for: at(s), ..new(tenant) })
}

async fn oldest(store: &dyn Store) {
    let tenant = tenant();
    let oldest = async |s| store.oldest_due(&scope(&tenant), at(s)).await.unwrap();
    assert_eq!(oldest(5000).await, None);
    let low = insert(store, scheduled(&tenant, Priority::Low, 20)).await;
    insert(store, scheduled(&tenant, Priority::Urgent, 30)).await;
    insert(store, scheduled(&tenant, Priority::Medium, 4000)).await;
    insert(store, scheduled(&tenant, Priority::Urgent, 1).asking(|asked| asked.queue = name("other"))).await;
    assert_eq!([oldest(19).await, oldest(20).await, oldest(5000).await], [None, Some(at(20)), Some(at(20))]);
    // What runs does not wait.
    let running = change(store, &low, claimed(&low, at(40))).await;
    assert_eq!(oldest(5000).await, Some(at(30)));
    change(store, &running, failed(&running, at(41))).await;
    assert_eq!(oldest(5000).await, Some(at(30)));
    assert!(store.oldest_due(&StatsScope::All, at(100_000_000)).await.unwrap().is_some_and(|at_| at_ <= at(4000)));
}

async fn redriven(store: &dyn Store) {
    let tenant = tenant();
    let task = insert(store, scheduled(&tenant, Priority::Medium, 1)).await;
    let cancel = Trigger::Cancel { reason: "no".to_owned(), by: "me".to_owned() };
    let task = change(store, &task, changed(&task, cancel, at(2))).await;
    assert_eq!(store.oldest_due(&scope(&tenant), at(90)).await.unwrap(), None);
    let redrive = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    let task = change(store, &task, changed(&task, redrive, at(50))).await;
    assert_eq!(store.oldest_due(&scope(&tenant), at(90)).await.unwrap(), task.run_at());
}
