//! An action-log row as an item of the table `ActionLog`: one attribute for each field, named as on the wire.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::dynamo::{
    attributes::{Fields, Item, from_doc, to_doc, ttl, uuid},
    keys,
};
use errand::{TaskKey, Timestamp, spi::lifecycle::log::LogEntry};

/// The item of `row` of a task that was made at `born`. Tenant and task are in the key; `v` is the version that the row's
/// commit gave the task, by which a copy knows itself again. (Rows of before copies were made have none.)
pub(super) fn write(row: &LogEntry, born: Timestamp, version: Uuid, retention: Duration) -> anyhow::Result<Item> {
    let Value::Object(mut fields) = serde_json::to_value(row)? else { anyhow::bail!("a row is an object") };
    for in_key in ["tenant", "task", "seq"] {
        fields.remove(in_key);
    }
    let mut item = from_doc(fields);
    item.extend(keys::log(&row.key, born, row.seq));
    item.insert("v".to_owned(), uuid(version));
    item.insert("ttl_s".to_owned(), ttl(row.ended_at + retention));
    Ok(item)
}

/// Reads what [`write`] wrote.
pub(super) fn read(key: &TaskKey, mut item: Item) -> anyhow::Result<LogEntry> {
    let seq = keys::log_seq(Fields(&item).integer("seq")?);
    for not_in_row in ["pk", "seq", "v", "ttl_s"] {
        item.remove(not_in_row);
    }
    let mut fields = to_doc(item)?;
    fields.insert("tenant".to_owned(), key.tenant.as_str().into());
    fields.insert("task".to_owned(), key.id.to_string().into());
    fields.insert("seq".to_owned(), seq.into());
    Ok(serde_json::from_value(fields.into())?)
}
