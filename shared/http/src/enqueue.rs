//! What the function `enqueue` serves: new tasks.

mod accept;
mod after;
mod batch;
mod groups;
#[cfg(test)]
mod late_test;

use errand::App;
use serde_json::json;

use crate::{
    AddRequest, Answer, ApiError, BATCH_KEY_BYTES, BatchAnswer, BatchRequest, GroupRequest, GroupView, Request, Route,
    TaskRequest, TaskView,
};

pub use accept::{accept, accept_one, status, view};

/// What is asked of one task.
const OF_A_TASK: [&str; 6] = ["GetTask", "GetTaskLog", "CancelTask", "RetryTask", "ProcessTask", "RescheduleTask"];

/// What a batch's key is.
const BATCH_KEY: &str = "A task without an `idempotency_key` of its own has this key, a dot and its place in the list, \
    from 0: to ask again, send the same list in the same order. A task's own key is taken as it is.";

/// The routes that take tasks.
pub fn routes() -> Vec<Route> {
    vec![
        Route::enqueue("/v1/tasks", "EnqueueTask", one)
            .answers::<TaskView<'_>>("Enqueues a task. 200: it was there already.")
            .creates::<TaskView<'_>>()
            .body::<TaskRequest>()
            .keyed()
            .traced()
            .leads_to(&OF_A_TASK, &json!({"id": "$response.body#/id"})),
        Route::enqueue("/v1/tasks/batch", "EnqueueBatch", batch::answer)
            .answers::<BatchAnswer<'_>>("Enqueues up to 100 tasks, each for itself.")
            .body::<BatchRequest>()
            .keyed_as(BATCH_KEY, BATCH_KEY_BYTES)
            .traced(),
        Route::enqueue("/v1/groups", "MakeGroup", groups::make)
            .answers::<GroupView>("Enqueues up to 10,000 tasks that belong together. 200: it was there already.")
            .creates::<GroupView>()
            .body::<GroupRequest>()
            .keyed()
            .traced()
            .leads_to(
                &["GetGroup", "ListGroupTasks", "AddToGroup", "CancelGroup"],
                &json!({"id": "$response.body#/id"}),
            ),
        Route::enqueue("/v1/groups/{id}/tasks", "AddToGroup", groups::add)
            .answers::<GroupView>("Adds up to 40 members to a group that is open.")
            .body::<AddRequest>()
            .keyed()
            .traced()
            .or(&[404]),
    ]
}

/// `POST /v1/tasks`.
async fn one(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let mut task: TaskRequest = request.json()?;
    task.idempotency_key = request.key_beside(task.idempotency_key)?;
    let accepted = accept_one(app, request.caller.clone(), task).await?;
    Ok(Answer::json(status(&accepted), &view(app, &accepted)))
}
