//! What the demo is about: records that the examples of the task types speak of, and a task of each type.

use errand::spi::registry::TaskType;
use serde_json::{Map, Value, json};
use shared::handlers::{Installation, types};

/// By kind and id. Where there may be one record for some fields (see `priority`), its id follows from them.
const RECORDS: &str = include_str!("records.json");

/// The same of those that only verifiers may write.
const OF_VERIFIERS: &str = include_str!("of_verifiers.json");

/// Where to put each record, and what. Put anew by every demo, so that each can show the same.
pub(super) fn records() -> anyhow::Result<Vec<(String, Value)>> {
    read(RECORDS)
}

/// The records that only who may verify users may write.
pub(super) fn of_verifiers() -> anyhow::Result<Vec<(String, Value)>> {
    read(OF_VERIFIERS)
}

fn read(kinds: &str) -> anyhow::Result<Vec<(String, Value)>> {
    let kinds: Map<String, Value> = serde_json::from_str(kinds)?;
    let of_kind = |(kind, records): (String, Value)| {
        let records = records.as_object().cloned().unwrap_or_default();
        records.into_iter().map(move |(id, doc)| (format!("/v1/records/{kind}/{id}"), doc))
    };
    Ok(kinds.into_iter().flat_map(of_kind).collect())
}

/// The types of which the demo has no task: no session's time is over yet, nobody is to be erased, no runner is there, nor
/// perhaps a model, and what is for tests is off.
const NOT_SHOWN: [&str; 5] = ["cleanup_session", "erase_user", "run_agent", "run_outside", "scripted"];

/// One task of each other type with its example as payload.
pub(super) fn tasks() -> Vec<Value> {
    types(&Installation::default())
        .catalog()
        .into_iter()
        .filter(|task_type| !NOT_SHOWN.contains(&task_type.name.as_str()))
        .map(task)
        .collect()
}

fn task(TaskType { name, example, .. }: TaskType) -> Value {
    let (user, agent) = match name.as_str() {
        "re_engagement_check" => ("demo-ben", Some("bouncer")),
        "community_request_available" => ("demo-expert", None),
        "verify_linkedin_connection" => ("demo-linked", None),
        _ => ("demo-ada", None),
    };
    json!({"task_type": name, "user_id": user, "agent_type": agent, "payload": example})
}
