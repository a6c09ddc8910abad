//! What the function `control` serves of tasks: every write but enqueueing.

mod groups;
mod read;
mod records;
mod redrive;
mod tasks;
mod webhooks;

use std::time::Duration;

use errand::{
    App, Doc,
    spi::{
        poller::{self, PollReport},
        rights::Right,
    },
};
use serde_json::json;

pub use crate::once::Once;
use crate::{
    Answer, ApiError, CancelRequest, Marked, PollRequest, ProcessRequest, ReadRequest, RecordView, RedriveRequest,
    Redriven, Request, RescheduleRequest, RetryRequest, RotateRequest, Route, TaskView, WebhookRequest, WebhookView,
    groups::GroupView,
};
pub use read::mark;

/// How long a poll that is asked for goes on: the API waits 30 s.
const POLL_BUDGET: Duration = Duration::from_secs(25);

/// The routes that change something, but for those that take tasks.
#[allow(clippy::too_many_lines)] // a table
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/tasks/{id}/cancel", "CancelTask", tasks::cancel)
            .answers::<TaskView<'_>>("Calls a task off; one that runs is stopped at its next write.")
            .optional_body::<CancelRequest>()
            .keyed()
            .or(&[404]),
        Route::post("/v1/tasks/{id}/retry", "RetryTask", tasks::retry)
            .answers::<TaskView<'_>>("Sets a failed, cancelled or blocked task going again.")
            .optional_body::<RetryRequest>()
            .keyed()
            .or(&[404]),
        Route::post("/v1/tasks/{id}/process", "ProcessTask", tasks::process)
            .answers::<TaskView<'_>>("Runs a task now if it is due, or by force.")
            .optional_body::<ProcessRequest>()
            .keyed()
            .or(&[404]),
        Route::post("/v1/tasks/{id}/reschedule", "RescheduleTask", tasks::reschedule)
            .answers::<TaskView<'_>>("Moves a task's start.")
            .body::<RescheduleRequest>()
            .keyed()
            .or(&[404]),
        Route::post("/v1/tasks/{id}/read", "ReadTask", read::task)
            .needs(Right::Read)
            .answers::<Marked>("Marks a task as seen.")
            .body::<ReadRequest>()
            .or(&[404]),
        Route::post("/v1/groups/{id}/cancel", "CancelGroup", groups::cancel)
            .answers::<GroupView>("Calls a group off: its members are cancelled, and who waits for it goes on.")
            .or(&[404]),
        Route::post("/v1/dead-letters/redrive", "RedriveDeadLetters", redrive::redrive)
            .needs(Right::Operate)
            .answers::<Redriven>("Sets failed tasks going again, at most 1,000 or 20 s of them; a dry run shows which.")
            .body::<RedriveRequest>()
            .keyed(),
        Route::put("/v1/webhooks/{id}", "PutWebhook", webhooks::put)
            .needs(Right::Operate)
            .answers::<WebhookView>(
                "Has events posted to a URL, signed; or changes which and where, and switches it on.",
            )
            .creates::<WebhookView>()
            .body::<WebhookRequest>()
            .or(&[409])
            .leads_to(&["GetWebhook", "RemoveWebhook"], &json!({"id": "$request.path.id"})),
        Route::post("/v1/webhooks/{id}/rotate-secret", "RotateWebhookSecret", webhooks::rotate)
            .needs(Right::Operate)
            .answers::<WebhookView>("Signs what is posted by a new secret, and by the one before for a while.")
            .body::<RotateRequest>()
            .or(&[404, 409]),
        Route::delete("/v1/webhooks/{id}", "RemoveWebhook", webhooks::remove)
            .needs(Right::Operate)
            .answers::<WebhookView>("Has nothing posted to it any more; what it has not taken is given up.")
            .or(&[404]),
        // It is work for every tenant, and its report counts theirs.
        Route::post("/v1/poll", "RunPoll", poll)
            .needs(Right::Operate)
            .of_the_installation()
            .answers::<PollReport>("Polls once, now: what was done.")
            .optional_body::<PollRequest>(),
        Route::put("/v1/records/{kind}/{id}", "PutRecord", records::put)
            .answers::<RecordView>("Writes a whole record.")
            .creates::<RecordView>()
            .body::<Doc>()
            .matched()
            .or(&[404])
            .leads_to(
                &["GetRecord", "PatchRecord", "RemoveRecord"],
                &json!({"kind": "$request.path.kind", "id": "$request.path.id"}),
            ),
        Route::patch("/v1/records/{kind}/{id}", "PatchRecord", records::patch)
            .answers::<RecordView>("Sets fields of a record; null removes one.")
            .body::<Doc>()
            .matched()
            .or(&[404]),
        Route::delete("/v1/records/{kind}/{id}", "RemoveRecord", records::remove)
            .answers::<RecordView>("Removes a record: it is answered as it was. What belongs to it stays.")
            .matched()
            .or(&[404]),
    ]
}

/// `POST /v1/poll`: one poll of the whole installation, now, as the poller makes it every minute.
async fn poll(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let PollRequest {} = request.json()?;
    let report = poller::handle(app, Some(app.clock.now() + POLL_BUDGET)).await;
    Ok(Answer::json(200, &report))
}
