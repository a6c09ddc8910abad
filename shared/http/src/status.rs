//! What the function `status` serves of tasks: every read.

mod commander;
mod failures;
mod groups;
mod health;
mod history;
mod lists;
mod records;
mod stats;
mod tasks;
mod webhooks;

use std::future::{Ready, ready};

use errand::{App, FailureKind, Fingerprint, Name, Status, spi::rights::Right};
use serde_json::json;

use crate::{
    Answer, ApiError, GroupView, Listed, MemberView, Order, Parameter, RecordView, Request, Route, TaskView,
    WebhookView, openapi,
    route::{Serves, place, place_in_tasks, record_place},
};
use commander::Snapshot;
use failures::FailureGroupView;
use health::Health;
use history::HistoryView;
use stats::{QueueAnswer, QueueView};
use tasks::Log;

/// All queues, as the parameter `queue` says it: no queue is called so.
const ALL_QUEUES: &str = "*";

/// The reads. `all` tells every route of the installation, which the document describes.
#[allow(clippy::too_many_lines)] // a table
pub fn routes(all: fn() -> &'static [Route]) -> Vec<Route> {
    vec![
        Route::get("/v1/tasks", "ListTasks", lists::tasks)
            .answers::<Listed<TaskView<'_>>>("Tasks of a queue or of all, about a user, or that follow from a task.")
            .query(of_tasks())
            .paged(place_in_tasks),
        Route::get("/v1/tasks/{id}", "GetTask", tasks::task)
            .answers::<TaskView<'_>>("One task.")
            .followed_until("revision", "ended_at")
            .or(&[404]),
        Route::get("/v1/tasks/{id}/log", "GetTaskLog", tasks::log)
            .answers::<Log<'_>>("A task's action log, oldest first.")
            .paged(|_| json!({"type": "string", "pattern": "^[0-9]{1,18}$"}))
            .or(&[404]),
        Route::get("/v1/groups", "ListGroups", groups::list)
            .answers::<Listed<GroupView>>("Groups, the newest first.")
            .paged(record_place),
        Route::get("/v1/groups/{id}", "GetGroup", groups::group)
            .answers::<GroupView>("A group, with how many of its members have ended.")
            .or(&[404]),
        Route::get("/v1/groups/{id}/tasks", "ListGroupTasks", groups::members)
            .answers::<Listed<MemberView<'_>>>("The members of a group, in the order in which they were asked for.")
            .paged(|_| json!({"type": "string", "pattern": "^[0-9]{1,5}$"}))
            .or(&[404]),
        Route::get("/v1/queues", "ListQueues", stats::queues)
            .answers::<Listed<QueueView>>("Every queue, with what was counted of it.")
            .paged(|_| json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}/[A-Za-z0-9_.-]{1,64}$"})),
        Route::get("/v1/queues/{queue}/stats", "QueueStats", stats::queue)
            .answers::<QueueAnswer>("What was counted of a queue.")
            .query([Parameter::name("project", "Its project; `default` if absent.")]),
        Route::get("/v1/history", "GetHistory", history::answer)
            .answers::<HistoryView>("How many tasks ended in each minute or hour of the last day."),
        Route::get("/v1/commander", "Commander", commander::answer)
            .answers::<Snapshot>("A queue's counts and its first open tasks.")
            .query([project(), queue(), Parameter::id("reader_id", "Whose read marks count.")]),
        Route::get("/v1/health", "GetHealth", health::answer)
            .answers::<Health>("Whether Errand can do its work.")
            .or_answers::<Health>(503, "It cannot: this is what is wrong."),
        Route::get("/v1/openapi.json", "GetOpenApi", Document(all))
            .answers_as("This document.", |_| json!({"type": "object"})),
        Route::get("/v1/dead-letters", "ListDeadLetters", lists::dead_letters)
            .answers::<Listed<TaskView<'_>>>("Failed tasks of a queue, newest end first.")
            .query(which())
            .query([
                Parameter::new("failure_kind", "Only what failed of this.", |schemas| schemas.request::<FailureKind>()),
                Parameter::new("fingerprint", "Only what failed of the same: of this group of failures.", |schemas| {
                    schemas.request::<Fingerprint>()
                }),
                Parameter::time("ended_after", "Only what ended after this."),
                Parameter::time("ended_before", "Only what ended before this."),
            ])
            .paged(place),
        Route::get("/v1/failures", "ListFailures", failures::failures)
            .answers::<Listed<FailureGroupView>>("Failed tasks by what they failed of, the newest group first.")
            .query([project(), queues()])
            .paged(|_| json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}/([0-9]{1,18}/[0-9a-f]{16})?$"})),
        Route::get("/v1/records/{kind}", "ListRecords", records::list)
            .answers::<Listed<RecordView>>("Records that belong to another, newest first.")
            .query([
                Parameter::id("parent", "What they belong to; this or `owner`."),
                Parameter::id("owner", "Whose they are; this or `parent`."),
            ])
            .paged(record_place)
            .or(&[404]),
        Route::get("/v1/records/{kind}/{id}", "GetRecord", records::record)
            .answers::<RecordView>("One record.")
            .or(&[404]),
        // A URL may have a key in it.
        Route::get("/v1/webhooks", "ListWebhooks", webhooks::list)
            .needs(Right::Operate)
            .answers::<Listed<WebhookView>>("The tenant's webhooks, at most 10."),
        Route::get("/v1/webhooks/{id}", "GetWebhook", webhooks::webhook)
            .needs(Right::Operate)
            .answers::<WebhookView>("One webhook.")
            .or(&[404]),
        // The order of events is exact only with one deliverer; on AWS they are delivered by the webhook.
        Route::get("/v1/events", "ListEvents", lists::events)
            .on_one_machine()
            .answers::<Listed<lists::EventView>>("The ends of tasks and what was published, oldest first.")
            .followed_by("after", "cursor")
            .query([
                // Empty, it is the start.
                Parameter::new(
                    "after",
                    "Where to go on: the last page's `cursor`.",
                    |_| json!({"type": "string", "pattern": format!("^({})?$", Order::EVENTS.pattern())}),
                ),
                Parameter::new(
                    "types",
                    "Only of these types, separated by commas: each whole, or how it begins and `*`.",
                    |_| {
                        let each = r"[!-)+\--~]*[!-)*+\--~]";
                        json!({"type": "string", "maxLength": 128, "pattern": format!("^{each}(,{each}){{0,19}}$")})
                    },
                ),
                Parameter::new("task_id", "Only about this task.", |_| json!({"type": "string", "format": "uuid"})),
                Parameter::limit(),
            ]),
    ]
}

/// `GET /v1/openapi.json`: of the routes that this tells.
struct Document(fn() -> &'static [Route]);

impl<'a> Serves<'a> for Document {
    type Answering = Ready<Result<Answer, ApiError>>;

    fn serve(&self, app: &'a App, _: &'a Request) -> Self::Answering {
        ready(Ok(openapi::answer((self.0)(), &app.types)))
    }
}

fn of_tasks() -> [Parameter; 8] {
    let status = "`open` is pending, running and waiting; `all`: of a queue its open tasks, then its ended ones by status. If \
        absent: a queue's open tasks, a user's and a task's of every status.";
    [
        project(),
        queues(),
        lane(),
        task_type(),
        Parameter::new(
            "status",
            status,
            |schemas| json!({"anyOf": [{"const": "open"}, {"const": "all"}, schemas.request::<Status>()]}),
        ),
        Parameter::id("user_id", "About this user; instead of `queue` and `project`."),
        Parameter::new(
            "parent_id",
            "That follow from this task; instead of `queue`, `project` and `user_id`.",
            |_| json!({"type": "string", "format": "uuid"}),
        ),
        Parameter::time("updated_after", "Only what changed after this."),
    ]
}

fn which() -> [Parameter; 4] {
    [project(), queue(), lane(), task_type()]
}

fn project() -> Parameter {
    Parameter::name("project", "The queue's project; `default` if absent.")
}

fn queue() -> Parameter {
    Parameter::name("queue", "The queue; `default` if absent.")
}

fn queues() -> Parameter {
    Parameter::new(
        "queue",
        "The queue; `*`: each of the project, by name; `default` if absent.",
        |schemas| json!({"anyOf": [{"const": ALL_QUEUES}, schemas.request::<Name>()]}),
    )
}

fn lane() -> Parameter {
    Parameter::name("lane", "Only this lane.")
}

fn task_type() -> Parameter {
    Parameter::name("type", "Only this task type.")
}
