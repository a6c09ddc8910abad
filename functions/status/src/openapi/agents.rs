//! What the routes of agent runs take and answer. Their bodies are told in `docs/agents.md`; here they are objects.

use serde_json::{Value, json};
use shared::api::Route;

use super::{operation::Operation, parameters::Parameter};

/// What can be read of agent runs.
pub(super) fn read(route: Route) -> Operation {
    let operation = |summary| Operation::new(summary, object());
    let project = || Parameter::name("project", "Its project; `default` if absent.");
    let operation = match route {
        Route::ListRuns => operation("Runs of a project or session, newest first.")
            .query(vec![
                project(),
                Parameter::id("session_id", "Only this session's; instead of `project`."),
                Parameter::new("status", "Only what is so.", text()),
                Parameter::name("profile", "Only this profile's."),
                Parameter::new("executor", "Only what this executes.", text()),
                Parameter::new("internal", "With what is for Errand itself.", json!({"type": "boolean"})),
            ])
            .paged(text()),
        Route::GetRun => operation("One run."),
        Route::RunEvents => operation("A run's events, oldest first.").query(after_seq(500)),
        Route::RunCommands => operation("A run's commands, oldest first.").query(after_seq(100)),
        Route::RunJobs => operation("A run's jobs for runners.").paged(text()),
        Route::ListSessions => operation("Sessions: active, then unread, then by their newest activity.")
            .query(vec![
                Parameter::new("state", "Which.", json!({"enum": STATES})),
                Parameter::name("profile", "Only this profile's."),
                Parameter::id("reader_id", "Whose read marks count."),
                project(),
            ])
            .paged(text()),
        Route::GetSession => {
            operation("One session.").query(vec![Parameter::id("reader_id", "Whose read mark counts.")])
        }
        Route::SessionTrace => operation("All events of a session's run.").query(of_a_session()),
        Route::SessionOutput => operation("What there is to read of a session's run.").query(of_a_session()),
        Route::ListAgents => operation("Agents of a project or task, newest first.")
            .query(vec![project(), Parameter::id("task_id", "Only this task's; instead of `project`.")])
            .paged(text()),
        Route::GetAgent => operation("One agent."),
        Route::ListRunners => operation("The runners of a project.").query(vec![project()]).paged(text()),
        _ => operation("The model backends by profile, without their secrets."),
    };
    operation.or(&[404])
}

/// What a write to agent runs does, in a line.
pub(super) fn write(summary: &'static str) -> Operation {
    let operation = Operation::new(summary, object()).answers(201, "It is new.", object());
    operation.body(object()).keyed().or(&[404])
}

/// The values of `state`.
const STATES: [&str; 6] = ["default", "running", "unread", "terminal", "idle", "all"];

fn object() -> Value {
    json!({"type": "object"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn of_a_session() -> Vec<Parameter> {
    let run = Parameter::id("run_id", "Which of its runs; the newest if absent.");
    [run].into_iter().chain(after_seq(500)).collect()
}

fn after_seq(most: u32) -> Vec<Parameter> {
    let seq = json!({"type": "integer", "minimum": 0});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": most});
    vec![
        Parameter::new("after_seq", "Only what comes after this number.", seq),
        Parameter::new("limit", "The most items of the page.", limit),
    ]
}
