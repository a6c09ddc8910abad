//! What workers outside may take: an index by type, pool and priority.

use std::time::Duration;

use errand::{
    Asked, Dispatch, Name, Priority, Task, Timestamp,
    spi::{
        lifecycle::Trigger,
        store::{self, Store, Wanted},
    },
};
use uuid::Uuid;

use super::{
    Case,
    fixtures::{accepted, at, change, changed, claimed, insert, name, new, now, tenant},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a_worker_outside_finds_what_is_pulled_due_and_of_its_types_and_pool", check: |s| Box::pin(found(s)) },
    Case { name: "the_most_urgent_is_ready_first_then_what_was_due_first", check: |s| Box::pin(order(s)) },
    Case { name: "what_a_worker_holds_is_not_ready_and_is_again_once_it_waits", check: |s| Box::pin(held(s)) },
];

const ALL: usize = 100;

fn pulled(tenant: &Name, change: impl FnOnce(&mut Asked)) -> Task {
    let mut asked = Asked { dispatch: Dispatch::Pulled, task_type: name("fetch"), ..new(tenant) };
    change(&mut asked);
    accepted(asked)
}

fn wanted(tenant: &Name, types: &[&str], pool: Option<&str>) -> Wanted {
    Wanted { tenant: tenant.clone(), types: types.iter().map(|text| name(text)).collect(), pool: pool.map(name) }
}

async fn ready(store: &dyn Store, wanted: &Wanted, limit: usize) -> Vec<Uuid> {
    store.ready(wanted, now(), limit).await.unwrap().into_iter().map(|key| key.id).collect()
}

async fn found(store: &dyn Store) {
    let (mine, theirs) = (tenant(), tenant());
    let plain = insert(store, pulled(&mine, |_| {})).await.key.id;
    let pooled = insert(store, pulled(&mine, |new| new.pool = Some(name("gpu")))).await.key.id;
    let other = insert(store, pulled(&mine, |new| new.task_type = name("carry"))).await.key.id;
    insert(store, pulled(&mine, |new| new.scheduled_for = at(60))).await;
    insert(store, pulled(&mine, |new| new.dispatch = Dispatch::Announced)).await;
    insert(store, pulled(&mine, |new| new.dispatch = Dispatch::Pushed)).await;
    insert(store, pulled(&theirs, |_| {})).await;
    assert_eq!(ready(store, &wanted(&mine, &["fetch"], None), ALL).await, [plain]);
    assert_eq!(ready(store, &wanted(&mine, &["fetch"], Some("gpu")), ALL).await, [pooled]);
    let mut both = ready(store, &wanted(&mine, &["carry", "fetch"], None), ALL).await;
    both.sort();
    let mut expected = [plain, other];
    expected.sort();
    assert_eq!(both, expected);
    assert_eq!(ready(store, &wanted(&mine, &["fetch"], Some("cpu")), ALL).await, Vec::<Uuid>::new());
}

async fn order(store: &dyn Store) {
    let tenant = tenant();
    let mut expected = Vec::new();
    for (place, (priority, late_s)) in
        [(Priority::Low, 50), (Priority::Urgent, 10), (Priority::Medium, 10), (Priority::Urgent, 20)]
            .into_iter()
            .enumerate()
    {
        let since: Timestamp = now() - Duration::from_secs(late_s);
        let task = pulled(&tenant, |new| {
            new.priority = priority;
            new.scheduled_for = since;
        });
        expected.push(((priority.rank(), since), place, insert(store, task).await.key.id));
    }
    expected.sort();
    let expected: Vec<Uuid> = expected.into_iter().map(|(_, _, id)| id).collect();
    let wanted = wanted(&tenant, &["fetch"], None);
    let found = ready(store, &wanted, ALL).await;
    // Of one priority, a store that has parts may begin with any.
    assert_eq!((found.len(), found.get(2..)), (4, expected.get(2..)));
    assert!(found.iter().take(2).all(|id| expected.iter().take(2).any(|known| known == id)), "{found:?} {expected:?}");
    for most in 1..4 {
        assert_eq!(ready(store, &wanted, most).await.len(), most);
    }
    assert_eq!(ready(store, &wanted, 2).await.len(), 2);
}

async fn held(store: &dyn Store) {
    let tenant = tenant();
    let task = insert(store, pulled(&tenant, |_| {})).await;
    let wanted = wanted(&tenant, &["fetch"], None);
    let claim = claimed(&task, now());
    let held = change(store, &task, claim).await;
    assert_eq!(ready(store, &wanted, ALL).await, Vec::<Uuid>::new());
    let after = now() + Duration::from_secs(3600);
    let reaped = changed(&held, Trigger::Reap { max_losses: 5, jitter: 0.0 }, after);
    change(store, &held, reaped).await;
    let later = store.ready(&wanted, after, ALL).await.unwrap();
    assert_eq!(later, std::slice::from_ref(&task.key));
    assert!(store::task(store, &task.key).await.unwrap().is_some());
}
