//! Steps: records written in the middle of an execution, by the worker that holds the task and no other.

use errand::{
    Expect, Name, Task,
    spi::{
        ids::fresh,
        lifecycle::{Fence, Trigger},
        store::{self, Commit, Part, Store, TaskWrite},
    },
};
use serde_json::json;

use super::{
    Case,
    changes::conflict,
    fixtures::{at, change, changed, claimed, completed, insert, put, read, record, step, task, tenant},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a_step_under_the_fence_writes_and_leaves_the_task_alone", check: |s| Box::pin(held(s)) },
    Case { name: "a_step_survives_a_renewal_of_its_lease", check: |s| Box::pin(renewed(s)) },
    Case { name: "a_step_under_another_fence_is_refused", check: |s| Box::pin(fenced(s)) },
    Case { name: "a_step_of_a_task_that_does_not_run_is_refused", check: |s| Box::pin(not_running(s)) },
    Case { name: "a_step_made_again_is_ok", check: |s| Box::pin(repeated(s)) },
    Case { name: "a_step_may_add_tasks", check: |s| Box::pin(tasks(s)) },
];

async fn running(store: &dyn Store, tenant: &Name) -> Task {
    let pending = insert(store, task(tenant)).await;
    change(store, &pending, claimed(&pending, at(1))).await
}

async fn held(store: &dyn Store) {
    let tenant = tenant();
    let task = running(store, &tenant).await;
    let note = record(&tenant, &json!({"step": 1}));
    store::commit(store, Commit { records: vec![put(&note, Expect::Absent)], ..step(&task) }).await.unwrap();
    assert_eq!(store.record(&note.key).await.unwrap(), Some(note));
    assert_eq!(read(store, &task.key).await, task);
}

async fn renewed(store: &dyn Store) {
    let tenant = tenant();
    let before = running(store, &tenant).await;
    change(
        store,
        &before,
        changed(&before, Trigger::Renew { fence: before.fence().unwrap(), lease: None, progress: None }, at(20)),
    )
    .await;
    let note = record(&tenant, &json!({}));
    store::commit(store, Commit { records: vec![put(&note, Expect::Absent)], ..step(&before) }).await.unwrap();
    assert_eq!(store.record(&note.key).await.unwrap(), Some(note));
}

async fn fenced(store: &dyn Store) {
    let tenant = tenant();
    let task = running(store, &tenant).await;
    let fence = task.fence().unwrap();
    let fences =
        [Fence { worker: fresh(), ..fence }, Fence { executions: 0, ..fence }, Fence { executions: 2, ..fence }];
    for fence in fences {
        refused(store, &task, fence).await;
    }
}

async fn not_running(store: &dyn Store) {
    let tenant = tenant();
    let running = running(store, &tenant).await;
    let fence = running.fence().unwrap();
    let ended = change(store, &running, completed(&running, at(2))).await;
    refused(store, &ended, fence).await;
    refused(store, &insert(store, task(&tenant)).await, Fence { executions: 0, worker: fresh() }).await;
    refused(store, &task(&tenant), fence).await;
}

async fn refused(store: &dyn Store, task: &Task, fence: Fence) {
    let note = record(&task.key.tenant, &json!({}));
    let step = Commit {
        task: Some(TaskWrite::Step { key: task.key.clone(), fence }),
        records: vec![put(&note, Expect::Any)],
        tasks: vec![],
    };
    assert_eq!(conflict(store::commit(store, step).await), [Part::Task]);
    assert_eq!(store.record(&note.key).await.unwrap(), None);
}

async fn repeated(store: &dyn Store) {
    let tenant = tenant();
    let task = running(store, &tenant).await;
    let note = record(&tenant, &json!({"n": 1}));
    let step = Commit { records: vec![put(&note, Expect::Absent)], ..step(&task) };
    store::commit(store, step.clone()).await.unwrap();
    store::commit(store, step).await.unwrap();
    assert_eq!(store.record(&note.key).await.unwrap(), Some(note));
}

async fn tasks(store: &dyn Store) {
    let tenant = tenant();
    let holder = running(store, &tenant).await;
    let follow_up = task(&tenant);
    store::commit(store, Commit { tasks: vec![follow_up.clone()], ..step(&holder) }).await.unwrap();
    assert_eq!(read(store, &follow_up.key).await, follow_up);
}
