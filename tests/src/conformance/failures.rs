//! What has failed, by what it failed of: groups of what is failed still.

use errand::{
    Asked, FailureKind, Fingerprint, Name, Task, Timestamp,
    spi::{
        lifecycle::{KeptFailure, Settlement, Trigger},
        store::{Bucket, FailureGroup, Failures, Filter, ListQuery, Store},
    },
};

use super::{
    Case,
    fixtures::{accepted, at, change, changed, claimed, insert, name, new, now, settled, task, tenant},
    lists::queue,
    pages::all,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "tasks_that_failed_of_the_same_are_one_group", check: |s| Box::pin(groups(s)) },
    Case { name: "what_goes_on_again_is_in_no_group", check: |s| Box::pin(redriven(s)) },
    Case { name: "the_failures_of_a_queue_are_its_own", check: |s| Box::pin(queues(s)) },
];

async fn found(store: &dyn Store, tenant: &Name, queue: &Name) -> Failures {
    store.failures(tenant, &Name::default(), queue).await.unwrap()
}

async fn of_default(store: &dyn Store, tenant: &Name) -> Vec<FailureGroup> {
    let Failures { groups, whole } = found(store, tenant, &Name::default()).await;
    assert!(whole);
    groups
}

/// `task`, failed of this.
async fn fail(store: &dyn Store, task: Task, message: &str, ended_at: Timestamp) -> Task {
    let task = insert(store, task).await;
    let running = change(store, &task, claimed(&task, now())).await;
    fail_again(store, running, message, ended_at).await
}

async fn fail_again(store: &dyn Store, running: Task, message: &str, ended_at: Timestamp) -> Task {
    let failure = KeptFailure::new(FailureKind::Handler, message, ended_at, running.executions);
    change(store, &running, settled(&running, Settlement::Fail { failure }, ended_at)).await
}

async fn groups(store: &dyn Store) {
    let tenant = tenant();
    fail(store, task(&tenant), "no user u1", at(10)).await;
    let full = fail(store, task(&tenant), "the disk is full", at(20)).await;
    let newest = fail(store, task(&tenant), "no user u23", at(30)).await;
    fail(store, task(&tenant), "no user u4", at(15)).await;
    let other = accepted(Asked { task_type: name("other"), ..new(&tenant) });
    let other = fail(store, other, "the disk is full", at(25)).await;
    let group = |of: &Task, message: &str, tasks, first_seen, last_seen| FailureGroup {
        fingerprint: Fingerprint::of(&of.task_type, FailureKind::Handler, message),
        task_type: of.task_type.clone(),
        kind: FailureKind::Handler,
        message: message.to_owned(),
        newest: of.key.clone(),
        tasks,
        first_seen,
        last_seen,
    };
    let users = group(&newest, "no user u23", 3, at(10), at(30));
    let expected = [
        users.clone(),
        group(&other, "the disk is full", 1, at(25), at(25)),
        group(&full, "the disk is full", 1, at(20), at(20)),
    ];
    assert_eq!(of_default(store, &tenant).await, expected);
    // By the group its tasks are listed.
    let list = queue(&tenant, Bucket::Failed);
    let of_group = Filter { fingerprint: Some(users.fingerprint), ..Filter::default() };
    let listed = all(store, &ListQuery { filter: of_group, ..list }, 2).await;
    assert_eq!(listed.iter().map(|task| task.ended_at).collect::<Vec<_>>(), [at(30), at(15), at(10)].map(Some));
}

async fn redriven(store: &dyn Store) {
    let tenant = tenant();
    let first = fail(store, task(&tenant), "no user u1", at(10)).await;
    let second = fail(store, task(&tenant), "no user u2", at(20)).await;
    let redrive = || Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    let second = change(store, &second, changed(&second, redrive(), at(21))).await;
    let seen = |groups: &[FailureGroup]| -> Vec<_> {
        groups.iter().map(|group| (group.newest.clone(), group.tasks, group.last_seen)).collect()
    };
    assert_eq!(seen(&of_default(store, &tenant).await), [(first.key.clone(), 1, at(10))]);
    change(store, &first, changed(&first, redrive(), at(22))).await;
    assert_eq!(of_default(store, &tenant).await, []);
    // One that fails of something else then is in another group alone.
    let running = change(store, &second, claimed(&second, at(30))).await;
    fail_again(store, running, "the disk is full", at(31)).await;
    assert_eq!(seen(&of_default(store, &tenant).await), [(second.key.clone(), 1, at(31))]);
}

async fn queues(store: &dyn Store) {
    let (tenant, other) = (tenant(), tenant());
    fail(store, task(&tenant), "no", at(10)).await;
    fail(store, task(&other), "no", at(10)).await;
    let elsewhere = accepted(Asked { queue: name("elsewhere"), ..new(&tenant) });
    fail(store, elsewhere, "no", at(10)).await;
    for (tenant, queue) in [(&tenant, Name::default()), (&tenant, name("elsewhere")), (&other, Name::default())] {
        let groups = found(store, tenant, &queue).await.groups;
        assert_eq!(groups.iter().map(|group| group.tasks).collect::<Vec<_>>(), [1]);
    }
    assert_eq!(found(store, &other, &name("elsewhere")).await.groups, []);
}
