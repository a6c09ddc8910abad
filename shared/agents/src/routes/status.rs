//! Every read.

mod agents;
mod runs;
mod sessions;

use errand_http::{Listed, Order, Parameter, Route, record_place};
use errand_models::ProfileView;
use serde_json::json;

use crate::{
    Agent, Command, Executor, RunStatus, SessionFilter,
    api::{AfterSeq, EntityView, RunEventView, RunView, SessionView},
    routes::ROUTES,
};
use runs::EVENTS;

type Events = AfterSeq<Listed<RunEventView<'static>>>;
type Commands = AfterSeq<Listed<EntityView<'static, Command>>>;

/// The reads: of tasks, and of agent runs.
pub fn routes() -> Vec<Route> {
    let mut routes = errand_work::routes::status(|| &ROUTES);
    routes.extend(errand_schedules::status());
    routes.extend(of_runs());
    routes.extend(of_sessions());
    routes
}

fn of_runs() -> [Route; 5] {
    [
        Route::get("/v1/runs", "ListRuns", runs::list)
            .answers::<Listed<RunView<'_>>>("Runs of a project or session, newest first.")
            .query(which_runs())
            .paged(record_place),
        Route::get("/v1/runs/{id}", "GetRun", runs::run).answers::<RunView<'_>>("One run.").or(&[404]),
        Route::get("/v1/runs/{id}/events", "RunEvents", runs::events)
            .answers::<Events>("A run's events, oldest first.")
            .followed_by("after_seq", "seq")
            .query(after_seq(Parameter::limit_of(EVENTS)))
            .or(&[404]),
        Route::get("/v1/runs/{id}/commands", "RunCommands", runs::commands)
            .answers::<Commands>("A run's commands, oldest first.")
            .query(after_seq(Parameter::limit()))
            .or(&[404]),
        Route::get("/v1/commands/{id}", "GetCommand", runs::command)
            .answers::<EntityView<'_, Command>>("One command.")
            .or(&[404]),
    ]
}

fn of_sessions() -> [Route; 7] {
    [
        Route::get("/v1/sessions", "ListSessions", sessions::list)
            .answers::<Listed<SessionView<'_>>>("Sessions: active, then unread, then by their newest activity.")
            .query([
                Parameter::new("state", "Which.", |schemas| schemas.request::<SessionFilter>()),
                Parameter::name("profile", "Only this profile's."),
                reader(),
                project(),
                Parameter::time("updated_after", "Only those with something new since."),
            ])
            .paged(|_| {
                let place = format!(r"^(active|unread|read)/(1\./|{})$", Order::SESSIONS.pattern());
                json!({"type": "string", "pattern": place})
            }),
        Route::get("/v1/sessions/{id}", "GetSession", sessions::session)
            .answers::<SessionView<'_>>("One session.")
            .query([reader()])
            .or(&[404]),
        Route::get("/v1/sessions/{id}/trace", "SessionTrace", runs::trace)
            .answers::<Events>("All events of one of a session's runs.")
            .query([which_run()])
            .query(after_seq(Parameter::limit_of(EVENTS)))
            .or(&[404]),
        Route::get("/v1/sessions/{id}/output", "SessionOutput", runs::output)
            .answers::<Events>("What there is to read of one of a session's runs.")
            .query([which_run()])
            .query(after_seq(Parameter::limit_of(EVENTS)))
            .or(&[404]),
        Route::get("/v1/agents", "ListAgents", agents::agents)
            .answers::<Listed<EntityView<'_, Agent>>>("Agents of a project or task, newest first.")
            .query([project(), Parameter::id("task_id", "Only this task's; instead of `project`.")])
            .paged(record_place),
        Route::get("/v1/agents/{id}", "GetAgent", agents::agent)
            .answers::<EntityView<'_, Agent>>("One agent.")
            .or(&[404]),
        Route::get("/v1/backends", "ListBackends", agents::backends)
            .answers::<Listed<ProfileView>>("The model backends by profile, without their secrets."),
    ]
}

fn which_runs() -> [Parameter; 7] {
    [
        project(),
        Parameter::id("session_id", "Only this session's; instead of `project`."),
        Parameter::new(
            "task_id",
            "Only this task's, of its newest drives; instead of `project`.",
            |_| json!({"type": "string", "format": "uuid"}),
        ),
        Parameter::new("status", "Only what is so.", |schemas| schemas.request::<RunStatus>()),
        Parameter::name("profile", "Only this profile's."),
        Parameter::new("executor", "Only what this does.", |schemas| schemas.request::<Executor>()),
        Parameter::new("internal", "With those that are Errand's own.", |_| json!({"type": "boolean"})),
    ]
}

fn which_run() -> Parameter {
    Parameter::id("run_id", "Which; the newest if absent.")
}

fn project() -> Parameter {
    Parameter::name("project", "Its project; `default` if absent.")
}

fn reader() -> Parameter {
    Parameter::id("reader_id", "Whose read marks count.")
}

fn after_seq(limit: Parameter) -> [Parameter; 2] {
    let seq = Parameter::new(
        "after_seq",
        "Only what comes after this number: the last page's `cursor`.",
        |_| json!({"type": "integer", "minimum": 0, "maximum": u64::MAX, "default": 0}),
    );
    [seq, limit]
}
