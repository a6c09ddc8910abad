//! Every write but enqueueing.

mod commands;
mod erase;
mod outside;
mod read;
mod runs;

use errand::spi::rights::Right;
use errand_http::{CancelRequest, ReadRequest, Route, SessionMarked, TaskView};
use serde_json::json;

use crate::{
    Agent, Command,
    api::{
        AppendRequest, Appended, CancelCommandRequest, CommandRequest, EntityView, FinishCommandRequest, Given,
        LeaseRequest, RunRequest, RunView, StartedRun,
    },
};

/// What is asked of a run that was started.
const OF_A_RUN: [&str; 5] = ["GetRun", "RunEvents", "RunCommands", "GiveCommand", "CancelRun"];

/// What is asked of its session.
const OF_A_SESSION: [&str; 4] = ["GetSession", "SessionTrace", "SessionOutput", "ReadSession"];

/// The writes: of tasks, of agent runs, and what removes all that is a user's.
pub fn routes() -> Vec<Route> {
    let mut routes = errand_work::routes::control();
    routes.extend(errand_schedules::control());
    routes.extend(of_a_run());
    routes.extend(of_what_belongs_to_it());
    routes.push(of_a_user());
    routes
}

fn of_a_run() -> [Route; 4] {
    [
        Route::post("/v1/runs", "StartRun", runs::start)
            .answers::<StartedRun<'_>>("Starts a run, with its task. 200: it was there already.")
            .creates::<StartedRun<'_>>()
            .body::<RunRequest>()
            .keyed()
            .traced()
            .leads_to(&OF_A_RUN, &json!({"id": "$response.body#/id"}))
            .leads_to(&OF_A_SESSION, &json!({"id": "$response.body#/session_id"}))
            .leads_to(&["GetAgent", "KillAgent"], &json!({"id": "$response.body#/agent_id"})),
        Route::post("/v1/runs/{id}/cancel", "CancelRun", runs::cancel)
            .answers::<RunView<'_>>("Calls a run off, with its task.")
            .optional_body::<CancelRequest>()
            .or(&[404, 409]),
        Route::post("/v1/runs/{id}/events", "AppendEvents", outside::append)
            .needs(Right::Work)
            .answers::<Appended>("Adds events to a run.")
            .body::<AppendRequest>()
            .keyed()
            .or(&[404, 409]),
        Route::post("/v1/runs/{id}/commands", "GiveCommand", commands::give)
            .answers::<Given<'_>>("Steers or interrupts a run, or asks for one more turn.")
            .creates::<Given<'_>>()
            .body::<CommandRequest>()
            .keyed()
            .or(&[404])
            .leads_to(&["GetCommand", "CancelCommand"], &json!({"id": "$response.body#/id"})),
    ]
}

fn of_a_user() -> Route {
    Route::delete("/v1/users/{id}", "EraseUser", erase::user)
        .needs(Right::Operate)
        .answers::<TaskView<'_>>("Removes all that is a user's, by a task. 200: one is at it already.")
        .or_answers::<TaskView<'_>>(202, "It is begun.")
        .or(&[409])
}

fn of_what_belongs_to_it() -> [Route; 5] {
    [
        Route::post("/v1/commands/{id}/ack", "AckCommand", outside::acknowledge)
            .needs(Right::Work)
            .answers::<EntityView<'_, Command>>("Says that a command was taken up.")
            .body::<LeaseRequest>()
            .or(&[404, 409]),
        Route::post("/v1/commands/{id}/finish", "FinishCommand", outside::finish_command)
            .needs(Right::Work)
            .answers::<EntityView<'_, Command>>("Says how a command ended.")
            .body::<FinishCommandRequest>()
            .or(&[404, 409]),
        Route::post("/v1/commands/{id}/cancel", "CancelCommand", commands::cancel)
            .answers::<EntityView<'_, Command>>("Takes a command back.")
            .optional_body::<CancelCommandRequest>()
            .or(&[404, 409]),
        Route::post("/v1/sessions/{id}/read", "ReadSession", read::session)
            .needs(Right::Read)
            .answers::<SessionMarked<'_>>("Marks a session as seen.")
            .body::<ReadRequest>()
            .or(&[404]),
        Route::post("/v1/agents/{id}/kill", "KillAgent", runs::kill)
            .answers::<EntityView<'_, Agent>>("Kills an agent: its run is cancelled.")
            .optional_body::<CancelRequest>()
            .or(&[404, 409]),
    ]
}
