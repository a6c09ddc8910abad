//! What the routes of agent runs take and answer; `docs/agents.md` tells what they are for.

use errand_agents::{
    Agent, Command, Executor, RunStatus, Runner, RunnerJob, SessionFilter,
    api::{
        AfterSeq, AppendRequest, Appended, CancelCommandRequest, ClaimRequest, Claimed, CommandRequest, EntityView,
        FinishCommandRequest, FinishRequest, Given, JobRequest, LeaseRequest, RunEventView, RunNews, RunRequest,
        RunView, RunnerRequest, SessionView, StartedRun,
    },
};
use errand_http::{CancelRequest, Listed, Order, ReadRequest, Route, SessionMarked};
use errand_models::ProfileView;
use serde_json::json;

use super::{
    operation::Operation,
    parameters::{self, Parameter},
    schemas::Schemas,
};
use crate::runs::EVENTS;

type Events = AfterSeq<Listed<RunEventView<'static>>>;
type Commands = AfterSeq<Listed<EntityView<'static, Command>>>;

/// Runs, and what belongs to one.
pub(super) fn runs(route: Route, schemas: &mut Schemas<'_>) -> Operation {
    let run = schemas.answer::<RunView<'_>>();
    match route {
        Route::ListRuns => {
            let list = schemas.answer::<Listed<RunView<'_>>>();
            let of = which_runs(schemas);
            Operation::new("Runs of a project or session, newest first.", list)
                .query(of)
                .paged(parameters::record_place())
        }
        Route::RunEvents => Operation::new("A run's events, oldest first.", schemas.answer::<Events>())
            .query(after_seq(parameters::limit_of(EVENTS)))
            .or(&[404]),
        Route::RunCommands => Operation::new("A run's commands, oldest first.", schemas.answer::<Commands>())
            .query(after_seq(parameters::limit()))
            .or(&[404]),
        Route::RunJobs => {
            let list = schemas.answer::<Listed<EntityView<'_, RunnerJob>>>();
            Operation::new("A run's jobs for runners, oldest first.", list).paged(parameters::record_place()).or(&[404])
        }
        Route::StartRun => {
            let started = schemas.answer::<StartedRun<'_>>();
            Operation::new("Starts a run, with its task. 200: it was there already.", started.clone())
                .answers(201, "It is new.", started)
                .body(schemas.request::<RunRequest>())
                .keyed()
                .leads_to(&OF_A_RUN, &json!({"id": "$response.body#/id"}))
                .leads_to(&OF_A_SESSION, &json!({"id": "$response.body#/session_id"}))
                .leads_to(&[Route::GetAgent, Route::KillAgent], &json!({"id": "$response.body#/agent_id"}))
        }
        Route::CancelRun => Operation::new("Calls a run off, with its task.", run)
            .optional_body(schemas.request::<CancelRequest>())
            .or(&[404, 409]),
        Route::GiveCommand => {
            let given = schemas.answer::<Given<'_, Command>>();
            Operation::new("Steers or interrupts a run, or asks for one more turn.", given.clone())
                .answers(201, "It is new.", given)
                .body(schemas.request::<CommandRequest>())
                .keyed()
                .or(&[404])
                .leads_to(&[Route::CancelCommand], &json!({"id": "$response.body#/id"}))
        }
        Route::MakeJob => {
            let given = schemas.answer::<Given<'_, RunnerJob>>();
            Operation::new("Makes a job for runners.", given.clone())
                .answers(201, "It is new.", given)
                .body(schemas.request::<JobRequest>())
                .keyed()
                .or(&[404])
        }
        _ => Operation::new("One run.", run).or(&[404]),
    }
}

/// What runners do.
pub(super) fn runners(route: Route, schemas: &mut Schemas<'_>) -> Operation {
    let command = schemas.answer::<EntityView<'_, Command>>();
    let operation = match route {
        Route::ListRunners => {
            let list = schemas.answer::<Listed<EntityView<'_, Runner>>>();
            return Operation::new("The runners of a project, newest first.", list)
                .query(vec![project()])
                .paged(parameters::record_place());
        }
        Route::RegisterRunner => {
            let runner = schemas.answer::<EntityView<'_, Runner>>();
            return Operation::new("Registers a runner, or says anew what it is.", runner.clone())
                .answers(201, "It is new.", runner)
                .body(schemas.request::<RunnerRequest>())
                .or(&[409]);
        }
        Route::ClaimRun => Operation::new("Takes a run, with its task's lease.", schemas.answer::<Claimed<'_>>())
            .body(schemas.request::<ClaimRequest>())
            .keyed(),
        Route::HeartbeatRun => {
            let news = schemas.answer::<RunNews<'_>>();
            Operation::new("Renews the lease; tells what is asked of the run.", news)
                .body(schemas.request::<LeaseRequest>())
        }
        Route::AppendEvents => Operation::new("Adds events to a run.", schemas.answer::<Appended>())
            .body(schemas.request::<AppendRequest>())
            .keyed(),
        Route::FinishRun => Operation::new("Ends a run, with its task.", schemas.answer::<RunView<'_>>())
            .body(schemas.request::<FinishRequest>()),
        Route::AckCommand => {
            Operation::new("Says that a command was taken up.", command).body(schemas.request::<LeaseRequest>())
        }
        Route::FinishCommand => {
            Operation::new("Says how a command ended.", command).body(schemas.request::<FinishCommandRequest>())
        }
        Route::FinishJob => {
            let job = schemas.answer::<EntityView<'_, RunnerJob>>();
            Operation::new("Says how a job ended.", job).body(schemas.request::<FinishCommandRequest>())
        }
        _ => Operation::new("Takes a command back.", command).optional_body(schemas.request::<CancelCommandRequest>()),
    };
    operation.or(&[404, 409])
}

/// Sessions, agents, backends.
pub(super) fn others(route: Route, schemas: &mut Schemas<'_>) -> Operation {
    match route {
        Route::ListSessions => {
            let list = schemas.answer::<Listed<SessionView<'_>>>();
            let of = vec![
                Parameter::new("state", "Which.", schemas.request::<SessionFilter>()),
                Parameter::name("profile", "Only this profile's."),
                reader(),
                project(),
            ];
            let place = format!(r"^(active|unread|read)/(1\./|{})$", Order::SESSIONS.pattern());
            let place = json!({"type": "string", "pattern": place});
            Operation::new("Sessions: active, then unread, then by their newest activity.", list).query(of).paged(place)
        }
        Route::GetSession => {
            Operation::new("One session.", schemas.answer::<SessionView<'_>>()).query(vec![reader()]).or(&[404])
        }
        Route::SessionTrace | Route::SessionOutput => {
            let summary = match route {
                Route::SessionTrace => "All events of one of a session's runs.",
                _ => "What there is to read of one of a session's runs.",
            };
            let run = Parameter::id("run_id", "Which; the newest if absent.");
            let of = [run].into_iter().chain(after_seq(parameters::limit_of(EVENTS))).collect();
            Operation::new(summary, schemas.answer::<Events>()).query(of).or(&[404])
        }
        Route::ReadSession => Operation::new("Marks a session as seen.", schemas.answer::<SessionMarked<'_>>())
            .body(schemas.request::<ReadRequest>())
            .or(&[404]),
        Route::ListAgents => {
            let list = schemas.answer::<Listed<EntityView<'_, Agent>>>();
            let of = vec![project(), Parameter::id("task_id", "Only this task's; instead of `project`.")];
            Operation::new("Agents of a project or task, newest first.", list)
                .query(of)
                .paged(parameters::record_place())
        }
        Route::KillAgent => {
            let agent = schemas.answer::<EntityView<'_, Agent>>();
            Operation::new("Kills an agent: its run is cancelled.", agent)
                .optional_body(schemas.request::<CancelRequest>())
                .or(&[404, 409])
        }
        Route::ListBackends => {
            let list = schemas.answer::<Listed<ProfileView>>();
            Operation::new("The model backends by profile, without their secrets.", list)
        }
        _ => Operation::new("One agent.", schemas.answer::<EntityView<'_, Agent>>()).or(&[404]),
    }
}

/// What is asked of a run that was started.
const OF_A_RUN: [Route; 7] = [
    Route::GetRun,
    Route::RunEvents,
    Route::RunCommands,
    Route::RunJobs,
    Route::GiveCommand,
    Route::MakeJob,
    Route::CancelRun,
];

/// What is asked of its session.
const OF_A_SESSION: [Route; 4] = [Route::GetSession, Route::SessionTrace, Route::SessionOutput, Route::ReadSession];

fn which_runs(schemas: &mut Schemas<'_>) -> Vec<Parameter> {
    vec![
        project(),
        Parameter::id("session_id", "Only this session's; instead of `project`."),
        Parameter::new("status", "Only what is so.", schemas.request::<RunStatus>()),
        Parameter::name("profile", "Only this profile's."),
        Parameter::new("executor", "Only what this does.", schemas.request::<Executor>()),
        Parameter::new("internal", "With those that are Errand's own.", json!({"type": "boolean"})),
    ]
}

fn project() -> Parameter {
    Parameter::name("project", "Its project; `default` if absent.")
}

fn reader() -> Parameter {
    Parameter::id("reader_id", "Whose read marks count.")
}

fn after_seq(limit: Parameter) -> Vec<Parameter> {
    let seq = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX, "default": 0});
    vec![Parameter::new("after_seq", "Only what comes after this number: the last page's `cursor`.", seq), limit]
}
