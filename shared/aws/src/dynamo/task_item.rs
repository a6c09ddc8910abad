//! A task as an item of the table `Tasks`: key and index attributes, what conditions look at, and `doc` for the rest.
//!
//! What an attribute says is not said again in `doc`, and defaults are left out: the task of the cost table fits
//! 1 KiB, one write unit, in every state.
//!
//! | attribute | what it is |
//! |---|---|
//! | `pk`, `sk` | the key: tenant and id |
//! | `v` | `version` |
//! | `s`, `e`, `k` | status, `executions`, and while running the worker: what a step's condition looks at |
//! | `d`, `w` | index `due`: its part, and `wake_at`; absent once nothing is owed |
//! | `l`, `m` | index `listing`: project, queue and bucket; and the position, of an ended task with `ended_at` |
//! | `u`, `c` | index `user`: the user, and the position |
//! | `p`, `ps` | index `parent`: the task that it follows from, and its place |
//! | `q`, `qa` | index `ready`, while it waits for a worker that asks for it: tenant, type, pool and priority; and `run_at` |
//! | `ttl_s` | only once ended: when DynamoDB may delete it |
//! | `doc` | the rest: [`super::task_doc`] |

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    Shards,
    dynamo::{
        attributes::{Fields, Item, from_json, millis, number, text, ttl, uuid},
        keys,
        task_doc::TaskDoc,
        task_read::Keyed,
    },
};
use errand::{
    State, Status, Task,
    spi::{
        lifecycle::Fence,
        store::{Position, Wanted},
    },
};

/// The item of `task`, whose payload is in it or in an item of its own.
pub(super) fn write(task: &Task, payload_apart: bool, retention: Duration, shards: Shards) -> anyhow::Result<Item> {
    let mut item = keys::task(&task.key);
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put("v", uuid(task.version));
    put("s", text(task.status().as_str()));
    put("e", number(task.executions));
    if let State::Running { worker, .. } = task.state {
        put("k", uuid(worker));
    }
    if let Some(at) = task.wake_at {
        put("d", text(keys::due_of_task(&task.key, shards)));
        put("w", millis(at));
    }
    put("l", text(keys::listing_of(task, shards)));
    put("m", keys::position(&Position::in_queue(task)));
    if let Some(user) = &task.user_id {
        put("u", text(keys::user_of(task, user, shards)));
        put("c", keys::position(&Position::by_age(task)));
    }
    if let Some(parent) = task.parent_id {
        put("p", text(keys::children(&task.key.tenant, parent)));
        put("ps", text(keys::child(&Position::by_age(task))));
    }
    if let Some((_, run_at)) = Wanted::place(task) {
        put("q", text(keys::ready_of(task)));
        put("qa", millis(run_at));
    }
    if let Some(at) = task.ended_at {
        put("ttl_s", ttl(at + retention));
    }
    put("doc", from_json(serde_json::to_value(TaskDoc::of(task, payload_apart))?));
    Ok(item)
}

/// Reads what [`write`] wrote: the task (with a payload of `null` if that is apart) and whether its payload is apart.
pub(super) fn read(item: &Item) -> anyhow::Result<(Task, bool)> {
    let fields = Fields(item);
    let (pk, l) = (fields.text("pk")?, fields.text("l")?);
    let (project, queue) = keys::parse_listing(l).ok_or_else(|| anyhow::anyhow!("{l} names no list"))?;
    let user_id = match fields.maybe_text("u")? {
        Some(u) => Some(keys::parse_user(u).ok_or_else(|| anyhow::anyhow!("{u} names no user"))?),
        None => None,
    };
    let status: Status = serde_json::from_value(fields.text("s")?.into())?;
    let position = Position::from_bytes(fields.bytes("m")?).ok_or_else(|| anyhow::anyhow!("m is no position"))?;
    let keyed = Keyed {
        key: keys::parse_task(pk).ok_or_else(|| anyhow::anyhow!("{pk} is no task's key"))?,
        project,
        queue,
        user_id,
        status,
        worker: if status == Status::Running { Some(fields.uuid("k")?) } else { None },
        executions: fields.integer("e")?,
        version: fields.uuid("v")?,
        wake_at: fields.maybe_millis("w")?,
        ended_at: status.is_ended().then(|| position.parts().1),
    };
    let doc: TaskDoc = serde_json::from_value(fields.doc("doc")?.into())?;
    doc.complete(keyed)
}

/// The condition that a task runs under `fence`, over the values that [`fence_values`] gives.
pub(super) const RUNS_UNDER_FENCE: &str = "s = :running AND e = :executions AND k = :worker";

/// See [`RUNS_UNDER_FENCE`].
pub(super) fn fence_values(fence: Fence) -> [(&'static str, AttributeValue); 3] {
    [
        (":running", text(Status::Running.as_str())),
        (":executions", number(fence.executions)),
        (":worker", uuid(fence.worker)),
    ]
}
