//! What a record of the table's change stream tells.
//!
//! Of a task only what is needed is read, and nothing is refused for what else there is: a task written by a newer
//! version is counted by this one too.

use anyhow::Context;

use crate::{
    dynamo::{
        attributes::{Fields, Item},
        keys, record_item,
        riding::ROW,
    },
    relay::{Change, Seen, TaskStanding},
};
use errand::{Name, Status, spi::event};

/// Reads the images of an item before and after: one for a new item has no `old`, one for a removed item no `new`.
/// An error says that the item cannot be read by this version.
pub fn read(old: Option<&Item>, new: Option<&Item>) -> anyhow::Result<Seen> {
    // What retention removes is told and counted already.
    let Some(new) = new else { return Ok(Seen::Nothing) };
    match Fields(new).text("sk")? {
        keys::TASK => change(old, new),
        keys::RECORD if old.is_none() => event(new),
        _ => Ok(Seen::Nothing),
    }
}

/// The image with the row that must be in the action log by now, if one rides in the item: as it is, or as it was when
/// retention removed it.
pub fn riding<'i>(old: Option<&'i Item>, new: Option<&'i Item>) -> Option<&'i Item> {
    new.or(old).filter(|item| item.contains_key(ROW))
}

fn change(old: Option<&Item>, new: &Item) -> anyhow::Result<Seen> {
    let fields = Fields(new);
    let old = old.map(standing).transpose().context("its old image")?;
    let standing = standing(new)?;
    if old.is_some_and(|old| old.status == standing.status) {
        return Ok(Seen::Nothing);
    }
    let (pk, l) = (fields.text("pk")?, fields.text("l")?);
    let (project, queue) = keys::parse_listing(l).with_context(|| format!("{l} names no list"))?;
    let doc = Fields(doc(new)?);
    let lane = doc.maybe_text("ln")?.map(Name::new).transpose()?;
    Ok(Seen::Task(Box::new(Change {
        key: keys::parse_task(pk).with_context(|| format!("{pk} is no task's key"))?,
        project,
        queue,
        lane: lane.unwrap_or_default(),
        task_type: Name::new(doc.text("t")?)?,
        version: fields.uuid("v")?,
        // A task that has not changed since it was made does not say when.
        at: doc.maybe_millis("ua")?.map_or_else(|| doc.millis("ca"), Ok)?,
        old,
        new: standing,
    })))
}

fn standing(image: &Item) -> anyhow::Result<TaskStanding> {
    let status: Status = serde_json::from_value(Fields(image).text("s")?.into())?;
    let doc = doc(image)?;
    // Left out while it is 0.
    let failures = if doc.contains_key("f") { Fields(doc).integer("f")? } else { 0 };
    Ok(TaskStanding { status, failures })
}

fn doc(image: &Item) -> anyhow::Result<&Item> {
    image.get("doc").and_then(|doc| doc.as_m().ok()).context("attribute doc is missing or no map")
}

fn event(new: &Item) -> anyhow::Result<Seen> {
    let key = keys::parse_record(Fields(new).text("pk")?);
    if key.is_none_or(|key| key.kind != event::kind()) || !new.contains_key("w") {
        return Ok(Seen::Nothing);
    }
    Ok(Seen::Event(Box::new(record_item::read(new)?)))
}
