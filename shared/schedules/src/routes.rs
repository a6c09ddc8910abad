//! What the functions serve of schedules.

mod acts;
mod backfills;
mod put;
mod shown;

use errand::{App, spi::rights::Right};
use errand_http::{Answer, ApiError, Listed, Request, Route, TaskView, record_place};
use serde_json::json;

use crate::{
    preview::{Preview, PreviewRequest, preview},
    view::{BackfillRequest, BackfillView, PauseRequest, ResumeRequest, ScheduleRequest, ScheduleView},
};

/// What is asked of a schedule that was put.
const OF_A_SCHEDULE: [&str; 5] =
    ["GetSchedule", "PauseSchedule", "ResumeSchedule", "TriggerSchedule", "RemoveSchedule"];

/// The writes, and what is worked out for who asks.
pub fn control() -> Vec<Route> {
    vec![
        Route::post("/v1/schedules/preview", "PreviewSchedule", previewed)
            .needs(Right::Read)
            .answers::<Preview>("When a schedule would fire next, with a word on each change of the clock.")
            .body::<PreviewRequest>(),
        Route::put("/v1/schedules/{id}", "PutSchedule", put::put)
            .needs(Right::Operate)
            .answers::<ScheduleView>("Makes a schedule, or changes one; how far it has come stays.")
            .creates::<ScheduleView>()
            .body::<ScheduleRequest>()
            .matched()
            .or(&[409])
            .leads_to(&OF_A_SCHEDULE, &json!({"id": "$request.path.id"})),
        Route::delete("/v1/schedules/{id}", "RemoveSchedule", acts::remove)
            .needs(Right::Operate)
            .answers::<ScheduleView>("Removes a schedule; the tasks that it has made come to their ends.")
            .or(&[404, 409]),
        Route::post("/v1/schedules/{id}/pause", "PauseSchedule", acts::pause)
            .needs(Right::Operate)
            .answers::<ScheduleView>("Has a schedule fire no more: after the answer nothing does.")
            .optional_body::<PauseRequest>()
            .or(&[404]),
        Route::post("/v1/schedules/{id}/resume", "ResumeSchedule", acts::resume)
            .needs(Right::Operate)
            .answers::<ScheduleView>("Has a paused schedule fire again, from now on.")
            .optional_body::<ResumeRequest>()
            .or(&[404]),
        Route::post("/v1/schedules/{id}/trigger", "TriggerSchedule", acts::trigger)
            .answers::<TaskView<'_>>("Makes a task of a schedule now. 200: it was there already.")
            .creates::<TaskView<'_>>()
            .optional_body::<ResumeRequest>()
            .keyed()
            .or(&[404]),
        Route::post("/v1/schedules/{id}/backfill", "BackfillSchedule", backfills::begin)
            .needs(Right::Operate)
            .answers::<BackfillView>(
                "Makes the tasks of firings that have passed. 200: the same key has begun it before.",
            )
            .creates::<BackfillView>()
            .body::<BackfillRequest>()
            .keyed()
            .or(&[404]),
    ]
}

/// What only reads.
pub fn status() -> Vec<Route> {
    vec![
        Route::get("/v1/schedules", "ListSchedules", shown::list)
            .answers::<Listed<ScheduleView>>("Schedules, as they were made.")
            .paged(record_place),
        Route::get("/v1/schedules/{id}/backfills", "ListBackfills", backfills::list)
            .answers::<Listed<BackfillView>>("Backfills of a schedule, newest first.")
            .paged(record_place)
            .or(&[404]),
        Route::get("/v1/schedules/{id}", "GetSchedule", shown::get)
            .answers::<ScheduleView>("One schedule: when it fires next, and what became of its newest firings.")
            .or(&[404]),
    ]
}

async fn previewed(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let asked: PreviewRequest = request.json()?;
    Ok(Answer::json(200, &preview(&asked, &request.caller.tenant, app.clock.now())?))
}

fn carried() -> ApiError {
    ApiError::conflict("the schedule is as the task type says that carries it; pause it if it is not to fire")
}

fn missing() -> ApiError {
    ApiError::not_found("no such schedule")
}
