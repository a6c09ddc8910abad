//! What each route takes and answers. The compiler asks for a route that is missing.

use errand::{
    event::Published,
    ids::Name,
    lifecycle::{FailureKind, Status},
    poller::PollReport,
    registry::TaskType,
    store::Doc,
};
use errand_http::{
    BATCH_KEY_BYTES, BatchAnswer, BatchRequest, CancelRequest, Listed, Marked, Order, PollRequest, ProcessRequest,
    ReadRequest, RecordView, RedriveRequest, Redriven, RescheduleRequest, RetryRequest, Route, TaskRequest, TaskView,
};
use serde_json::{Value, json};

use super::{
    agents,
    operation::Operation,
    parameters::{self, Parameter},
    schemas::Schemas,
};
use crate::{
    commander::Snapshot,
    health::Health,
    stats::{QueueNow, QueueView},
    tasks::Log,
};

/// What is asked of one task.
const OF_A_TASK: [Route; 6] =
    [Route::GetTask, Route::GetTaskLog, Route::CancelTask, Route::RetryTask, Route::ProcessTask, Route::RescheduleTask];

/// What a batch's key is.
const BATCH_KEY: &str = "A task without an `idempotency_key` of its own has this key, a dot and its place in the list, \
    from 0: to ask again, send the same list in the same order. A task's own key is taken as it is.";

#[allow(clippy::too_many_lines)] // a table
pub(super) fn describe(route: Route, schemas: &mut Schemas<'_>) -> Operation {
    match route {
        Route::EnqueueTask | Route::EnqueueBatch => enqueue(route, schemas),
        Route::GetTask
        | Route::GetTaskLog
        | Route::CancelTask
        | Route::RetryTask
        | Route::ProcessTask
        | Route::RescheduleTask
        | Route::ReadTask => one_task(route, schemas),
        Route::GetRecord | Route::ListRecords | Route::PutRecord | Route::PatchRecord => records(route, schemas),
        Route::ListDeadLetters => {
            let list = schemas.answer::<Listed<TaskView<'_>>>();
            Operation::new("Failed tasks of a queue, newest end first.", list)
                .query(dead_letters(schemas))
                .paged(parameters::place())
        }
        Route::RedriveDeadLetters => Operation::new(
            "Sets failed tasks going again, at most 1,000 or 20 s of them; a dry run shows which.",
            schemas.answer::<Redriven>(),
        )
        .body(schemas.request::<RedriveRequest>())
        .keyed(),
        Route::ListTasks => {
            let list = schemas.answer::<Listed<TaskView<'_>>>();
            Operation::new("Tasks of a queue or of all, about a user, or that follow from a task.", list)
                .query(tasks(schemas))
                .paged(parameters::place_in_tasks())
        }
        Route::QueueStats => Operation::new("What was counted of a queue.", schemas.answer::<QueueNow>())
            .query(vec![Parameter::name("project", "Its project; `default` if absent.")]),
        Route::ListQueues => {
            let (list, name) = (schemas.answer::<Listed<QueueView>>(), "[A-Za-z0-9_.-]{1,64}");
            let place = json!({"type": "string", "pattern": format!("^{name}/{name}$")});
            Operation::new("Every queue, with what was counted of it.", list).paged(place)
        }
        Route::Commander => {
            let reader = Parameter::id("reader_id", "Whose read marks count.");
            let of = queue().into_iter().chain([reader]).collect();
            Operation::new("A queue's counts and its first open tasks.", schemas.answer::<Snapshot>()).query(of)
        }
        Route::ListEvents => {
            // Empty, it is the start.
            let place = json!({"type": "string", "pattern": format!("^({})?$", Order::EVENTS.pattern())});
            let after = Parameter::new("after", "Where to go on: the last page's `cursor`.", place);
            let list = schemas.answer::<Listed<Published>>();
            Operation::new("What was published, oldest first.", list).query(vec![after, parameters::limit()])
        }
        Route::GetHealth => Operation::new("Whether Errand can do its work.", schemas.answer::<Health>()).answers(
            503,
            "It cannot: this is what is wrong.",
            schemas.answer::<Health>(),
        ),
        Route::ListTaskTypes => Operation::new(
            "Every task type, with the JSON Schema of its payload.",
            schemas.answer::<Listed<TaskType>>(),
        ),
        Route::GetOpenApi => Operation::new("This document.", json!({"type": "object"})),
        Route::ListRuns
        | Route::GetRun
        | Route::RunEvents
        | Route::RunCommands
        | Route::RunJobs
        | Route::StartRun
        | Route::CancelRun
        | Route::GiveCommand
        | Route::MakeJob => agents::runs(route, schemas),
        Route::ListRunners
        | Route::RegisterRunner
        | Route::ClaimRun
        | Route::HeartbeatRun
        | Route::AppendEvents
        | Route::FinishRun
        | Route::AckCommand
        | Route::FinishCommand
        | Route::CancelCommand
        | Route::FinishJob => agents::runners(route, schemas),
        Route::ListSessions
        | Route::GetSession
        | Route::SessionTrace
        | Route::SessionOutput
        | Route::ReadSession
        | Route::ListAgents
        | Route::GetAgent
        | Route::KillAgent
        | Route::ListBackends => agents::others(route, schemas),
        Route::RunPoll => Operation::new("Polls once, now: what was done.", schemas.answer::<PollReport>())
            .optional_body(schemas.request::<PollRequest>()),
    }
}

fn enqueue(route: Route, schemas: &mut Schemas<'_>) -> Operation {
    if route == Route::EnqueueBatch {
        let answer = schemas.answer::<BatchAnswer<'_>>();
        return Operation::new("Enqueues up to 100 tasks, each for itself.", answer)
            .body(schemas.request::<BatchRequest>())
            .keyed_as(BATCH_KEY, BATCH_KEY_BYTES);
    }
    let task = schemas.answer::<TaskView<'_>>();
    Operation::new("Enqueues a task. 200: it was there already.", task.clone())
        .answers(201, "It is new.", task)
        .body(schemas.request::<TaskRequest>())
        .keyed()
        .leads_to(&OF_A_TASK, &json!({"id": "$response.body#/id"}))
}

fn one_task(route: Route, schemas: &mut Schemas<'_>) -> Operation {
    let task = schemas.answer::<TaskView<'_>>();
    let operation = match route {
        Route::GetTaskLog => {
            let log = schemas.answer::<Log<'_>>();
            let seq = json!({"type": "string", "pattern": "^[0-9]{1,18}$"});
            Operation::new("A task's action log, oldest first.", log).paged(seq)
        }
        Route::CancelTask => Operation::new("Calls a task off; one that runs is stopped at its next write.", task)
            .optional_body(schemas.request::<CancelRequest>())
            .keyed(),
        Route::RetryTask => Operation::new("Sets a failed, cancelled or blocked task going again.", task)
            .optional_body(schemas.request::<RetryRequest>())
            .keyed(),
        Route::ProcessTask => Operation::new("Runs a task now if it is due, or by force.", task)
            .optional_body(schemas.request::<ProcessRequest>())
            .keyed(),
        Route::RescheduleTask => {
            Operation::new("Moves a task's start.", task).body(schemas.request::<RescheduleRequest>()).keyed()
        }
        Route::ReadTask => {
            Operation::new("Marks a task as seen.", schemas.answer::<Marked>()).body(schemas.request::<ReadRequest>())
        }
        _ => Operation::new("One task.", task),
    };
    operation.or(&[404])
}

fn records(route: Route, schemas: &mut Schemas<'_>) -> Operation {
    let record = schemas.answer::<RecordView>();
    match route {
        Route::ListRecords => {
            let of = vec![
                Parameter::id("parent", "What they belong to; this or `owner`."),
                Parameter::id("owner", "Whose they are; this or `parent`."),
            ];
            let list = schemas.answer::<Listed<RecordView>>();
            Operation::new("Records that belong to another, newest first.", list)
                .query(of)
                .paged(parameters::record_place())
                .or(&[404])
        }
        Route::PutRecord => Operation::new("Writes a whole record.", record.clone())
            .answers(201, "It is new.", record)
            .body(schemas.request::<Doc>())
            .matched()
            .or(&[404])
            .leads_to(
                &[Route::GetRecord, Route::PatchRecord],
                &json!({
                    "kind": "$request.path.kind", "id": "$request.path.id",
                }),
            ),
        Route::PatchRecord => Operation::new("Sets fields of a record; null removes one.", record)
            .body(schemas.request::<Doc>())
            .matched()
            .or(&[404]),
        _ => Operation::new("One record.", record).or(&[404]),
    }
}

fn dead_letters(schemas: &mut Schemas<'_>) -> Vec<Parameter> {
    let mut all = which();
    all.extend([
        Parameter::new("failure_kind", "Only what failed of this.", schemas.request::<FailureKind>()),
        Parameter::time("ended_after", "Only what ended after this."),
        Parameter::time("ended_before", "Only what ended before this."),
    ]);
    all
}

fn tasks(schemas: &mut Schemas<'_>) -> Vec<Parameter> {
    let status: Value = json!({"anyOf": [{"const": "open"}, {"const": "all"}, schemas.request::<Status>()]});
    let mut all = which();
    if let Some(queue) = all.iter_mut().find(|parameter| parameter.is("queue")) {
        let any = json!({"anyOf": [{"const": "*"}, schemas.request::<Name>()]});
        *queue = Parameter::new("queue", "The queue; `*`: each of the project, by name; `default` if absent.", any);
    }
    all.extend([
        Parameter::new(
            "status",
            "`open` is pending and running; `all`: of a queue its open tasks, then its ended ones by status. If absent: \
             a queue's open tasks, a user's and a task's of every status.",
            status,
        ),
        Parameter::id("user_id", "About this user; instead of `queue` and `project`."),
        Parameter::new(
            "parent_id",
            "That follow from this task; instead of `queue`, `project` and `user_id`.",
            json!({"type": "string", "format": "uuid"}),
        ),
        Parameter::time("updated_after", "Only what changed after this."),
    ]);
    all
}

fn which() -> Vec<Parameter> {
    let more = [Parameter::name("lane", "Only this lane."), Parameter::name("type", "Only this task type.")];
    queue().into_iter().chain(more).collect()
}

fn queue() -> [Parameter; 2] {
    [
        Parameter::name("project", "The queue's project; `default` if absent."),
        Parameter::name("queue", "The queue; `default` if absent."),
    ]
}
