//! Every write but enqueueing.

mod commands;
mod read;
mod runner;
mod runs;

use errand::spi::rights::Right;
use errand_http::{CancelRequest, ReadRequest, Route, SessionMarked};
use serde_json::json;

use crate::{
    Agent, Command, Runner, RunnerJob,
    api::{
        AppendRequest, Appended, CancelCommandRequest, ClaimRequest, Claimed, CommandRequest, EntityView,
        FinishCommandRequest, FinishJobRequest, FinishRequest, Given, JobRequest, LeaseRequest, RunNews, RunRequest,
        RunView, RunnerRequest, StartedRun,
    },
};

/// What is asked of a run that was started.
const OF_A_RUN: [&str; 7] = ["GetRun", "RunEvents", "RunCommands", "RunJobs", "GiveCommand", "MakeJob", "CancelRun"];

/// What is asked of its session.
const OF_A_SESSION: [&str; 4] = ["GetSession", "SessionTrace", "SessionOutput", "ReadSession"];

/// The writes: of tasks, and of agent runs.
pub fn routes() -> Vec<Route> {
    let mut routes = errand_work::routes::control();
    routes.extend(of_a_run());
    routes.extend(of_what_belongs_to_it());
    routes
}

fn of_a_run() -> [Route; 8] {
    [
        Route::post("/v1/runs", "StartRun", runs::start)
            .answers::<StartedRun<'_>>("Starts a run, with its task. 200: it was there already.")
            .creates::<StartedRun<'_>>()
            .body::<RunRequest>()
            .keyed()
            .leads_to(&OF_A_RUN, &json!({"id": "$response.body#/id"}))
            .leads_to(&OF_A_SESSION, &json!({"id": "$response.body#/session_id"}))
            .leads_to(&["GetAgent", "KillAgent"], &json!({"id": "$response.body#/agent_id"})),
        Route::post("/v1/runs/{id}/cancel", "CancelRun", runs::cancel)
            .answers::<RunView<'_>>("Calls a run off, with its task.")
            .optional_body::<CancelRequest>()
            .or(&[404, 409]),
        Route::post("/v1/runs/{id}/claim", "ClaimRun", runner::claim)
            .needs(Right::Work)
            .answers::<Claimed<'_>>("Takes a run, with its task's lease.")
            .body::<ClaimRequest>()
            .keyed()
            .or(&[404, 409]),
        Route::post("/v1/runs/{id}/heartbeat", "HeartbeatRun", runner::heartbeat)
            .needs(Right::Work)
            .answers::<RunNews<'_>>("Renews the lease; tells what is asked of the run.")
            .body::<LeaseRequest>()
            .or(&[404, 409]),
        Route::post("/v1/runs/{id}/finish", "FinishRun", runner::finish)
            .needs(Right::Work)
            .answers::<RunView<'_>>("Ends a run, with its task.")
            .body::<FinishRequest>()
            .or(&[404, 409]),
        Route::post("/v1/runs/{id}/events", "AppendEvents", runner::append)
            .needs(Right::Work)
            .answers::<Appended>("Adds events to a run.")
            .body::<AppendRequest>()
            .keyed()
            .or(&[404, 409]),
        Route::post("/v1/runs/{id}/commands", "GiveCommand", commands::give)
            .answers::<Given<'_, Command>>("Steers or interrupts a run, or asks for one more turn.")
            .creates::<Given<'_, Command>>()
            .body::<CommandRequest>()
            .keyed()
            .or(&[404])
            .leads_to(&["GetCommand", "CancelCommand"], &json!({"id": "$response.body#/id"})),
        Route::post("/v1/runs/{id}/jobs", "MakeJob", commands::job)
            .answers::<Given<'_, RunnerJob>>("Makes a job for runners.")
            .creates::<Given<'_, RunnerJob>>()
            .body::<JobRequest>()
            .keyed()
            .or(&[404])
            .leads_to(&["GetJob"], &json!({"id": "$response.body#/id"})),
    ]
}

fn of_what_belongs_to_it() -> [Route; 7] {
    [
        Route::post("/v1/commands/{id}/ack", "AckCommand", runner::acknowledge)
            .needs(Right::Work)
            .answers::<EntityView<'_, Command>>("Says that a command was taken up.")
            .body::<LeaseRequest>()
            .or(&[404, 409]),
        Route::post("/v1/commands/{id}/finish", "FinishCommand", runner::finish_command)
            .needs(Right::Work)
            .answers::<EntityView<'_, Command>>("Says how a command ended.")
            .body::<FinishCommandRequest>()
            .or(&[404, 409]),
        Route::post("/v1/commands/{id}/cancel", "CancelCommand", commands::cancel)
            .answers::<EntityView<'_, Command>>("Takes a command back.")
            .optional_body::<CancelCommandRequest>()
            .or(&[404, 409]),
        Route::post("/v1/jobs/{id}/finish", "FinishJob", runner::finish_job)
            .needs(Right::Work)
            .answers::<EntityView<'_, RunnerJob>>("Says how a job ended.")
            .body::<FinishJobRequest>()
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
        Route::post("/v1/runners", "RegisterRunner", runner::register)
            .needs(Right::Work)
            .answers::<EntityView<'_, Runner>>("Registers a runner, or says anew what it is.")
            .creates::<EntityView<'_, Runner>>()
            .body::<RunnerRequest>()
            .or(&[409]),
    ]
}
