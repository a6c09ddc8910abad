//! Commits and inserts as conditional writes, and what their failed conditions say.

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::dynamo::{
    DynamoStore,
    attributes::{Fields, Item, uuid},
    expression::Expression,
    keys,
    log::riding_in,
    payload, record_item,
    riding::{self, ROW, Riding},
    task_item,
    write::{self, Action, Refused, Write},
};
use errand::{
    Expect, StoreError, Task,
    spi::store::{Commit, Inserted, Part, RecordWrite, TaskWrite},
};

/// A part of a commit as it is sent, and the version by which it knows itself again.
struct Planned {
    part: Part,
    version: Option<Uuid>,
    write: Write,
}

impl DynamoStore {
    pub(super) async fn insert_one(&self, task: Task) -> Result<Inserted, StoreError> {
        if let Some(there) = self.prepare(&task).await? {
            return self.met(task, &there).await;
        }
        let write = self.new_task(&task, payload::is_apart(&task))?;
        let stored = match write::make(&self.client, &[write]).await {
            Ok(()) => return Ok(Inserted::New),
            Err(Refused::Failed(error)) => return Err(error),
            Err(Refused::Conditions(failed)) => failed.into_iter().next().and_then(|(_, stored)| stored),
        };
        let Some(stored) = stored else { return Err(StoreError::Busy) }; // it has gone meanwhile
        self.met(task, &stored).await
    }

    /// Puts the payload of a new task, if that is an item of its own. Answers with the task's item instead if one is there:
    /// looked at first, because a put costs by its size, also one that is refused.
    async fn prepare(&self, task: &Task) -> Result<Option<Item>, StoreError> {
        if !payload::is_apart(task) {
            return Ok(None);
        }
        let there = self.item(keys::task(&task.key)).await?;
        if there.is_none() {
            self.put_payload(task).await?;
        }
        Ok(there)
    }

    /// What an insert of `task` that met `stored` is answered.
    async fn met(&self, task: Task, stored: &Item) -> Result<Inserted, StoreError> {
        if is_own(stored, task.version) {
            return Ok(Inserted::New);
        }
        let (there, apart) = task_item::read(stored).map_err(|source| corrupt(keys::task_pk(&task.key), source))?;
        let there = match apart {
            false => there,
            true if there.payload_hash == task.payload_hash => {
                there.asking(|asked| asked.payload = task.payload.clone())
            }
            true => self.read_task(&task.key).await?.ok_or(StoreError::Busy)?,
        };
        Ok(Inserted::Existing(Box::new(there)))
    }

    pub(super) async fn commit_one(&self, commit: Commit) -> Result<(), StoreError> {
        commit.fits()?;
        // Before the commit itself: a payload too many dies by its TTL, one too few would be a task lost.
        let mut there = Vec::new();
        for (place, task) in commit.tasks.iter().enumerate() {
            match self.prepare(task).await? {
                None => {}
                Some(there) if is_own(&there, task.version) => return Ok(()), // our first try, with all the rest
                Some(_) => there.push(Part::NewTask(place)),
            }
        }
        // All of them: who leaves out what is there has few tries.
        if !there.is_empty() {
            return Err(StoreError::Conflict { parts: there });
        }
        if let Some(TaskWrite::Change { transition, .. }) = &commit.task
            && payload::is_apart(&transition.task)
            && payload::must_be_put_again(&transition.task, self.config.retention.of(&transition.task))
        {
            self.put_payload(&transition.task).await?;
        }
        let (expected, riding, is_copied) = match &commit.task {
            Some(TaskWrite::Change { expected, transition }) => {
                let (task, row) = (&transition.task, transition.log.as_ref());
                let is_copied = self.has_row_before(task, row, *expected).await?;
                (Some(*expected), row.map(|row| Riding::of(task, row)), is_copied)
            }
            Some(TaskWrite::Step { .. }) | None => (None, None, false),
        };
        let planned = self.plan(commit, is_copied)?;
        let (mut writes, parts): (Vec<_>, Vec<_>) =
            planned.into_iter().map(|planned| (planned.write, (planned.part, planned.version))).unzip();
        let mut made = write::make(&self.client, &writes).await;
        if let Some((before, stored)) = rides_uncopied(&made, expected)? {
            self.see_copied(&before, stored).await?;
            writes.first_mut().into_iter().for_each(|write| write.condition = is_still(before.version));
            made = write::make(&self.client, &writes).await;
        }
        match made {
            Ok(()) => {}
            Err(Refused::Failed(error)) => return Err(error),
            Err(Refused::Conditions(failed)) => judged(&parts, &failed)?,
        }
        if let Some((riding, Write { action: Action::Put(item), .. })) = riding.zip(writes.into_iter().next()) {
            self.copy_at_once(&riding, item).await;
        }
        Ok(())
    }

    /// `is_copied`: the log has the row that rides with the task, if one does. Where that is not known, none may.
    fn plan(&self, commit: Commit, is_copied: bool) -> Result<Vec<Planned>, StoreError> {
        let mut planned = Vec::new();
        match commit.task {
            Some(TaskWrite::Change { expected, transition }) => {
                let (task, row) = (transition.task, transition.log);
                let mut item = self.task_item(&task, payload::is_apart(&task))?;
                if let Some(row) = row {
                    let row = riding::write(&task, &row).map_err(StoreError::Unavailable)?;
                    item.insert(ROW.to_owned(), row);
                }
                let mut condition = is_still(expected);
                if !is_copied {
                    condition.text = format!("{} AND attribute_not_exists({ROW})", condition.text);
                }
                let write = self.in_tasks(Action::Put(item), condition);
                planned.push(Planned { part: Part::Task, version: Some(task.version), write });
            }
            Some(TaskWrite::Step { key, fence }) => {
                let condition = Expression::new(task_item::RUNS_UNDER_FENCE, task_item::fence_values(fence));
                let write = self.in_tasks(Action::Check(keys::task(&key)), condition);
                planned.push(Planned { part: Part::Task, version: None, write });
            }
            None => {}
        }
        for (place, write) in commit.records.into_iter().enumerate() {
            let version = write.version();
            planned.push(Planned { part: Part::Record(place), version, write: self.record_write(write) });
        }
        for (place, task) in commit.tasks.into_iter().enumerate() {
            let write = self.new_task(&task, payload::is_apart(&task))?;
            planned.push(Planned { part: Part::NewTask(place), version: Some(task.version), write });
        }
        Ok(planned)
    }

    fn record_write(&self, write: RecordWrite) -> Write {
        match write {
            RecordWrite::Put { record, expect } => {
                let condition = match expect {
                    Expect::Absent => absent(),
                    Expect::Version(version) => Expression::new("v = :expected", [(":expected", uuid(version))]),
                    // Not over its own first try: that is how the repeat of a lost answer is known.
                    Expect::Any => {
                        Expression::new("attribute_not_exists(pk) OR v <> :own", [(":own", uuid(record.version))])
                    }
                };
                self.in_tasks(Action::Put(record_item::write(&record, self.config.shards)), condition)
            }
            RecordWrite::Patch { key, patch, expect, version, at } => {
                let condition = match expect {
                    // A patch of what must not be there changes nothing.
                    Expect::Absent => return self.in_tasks(Action::Check(keys::record(&key)), absent()),
                    Expect::Version(version) => Expression::new("v = :expected", [(":expected", uuid(version))]),
                    // Not twice: it may add.
                    Expect::Any => Expression::new("attribute_exists(pk) AND v <> :own", [(":own", uuid(version))]),
                };
                let condition = record_item::guarded(condition, &patch.guards);
                let update = record_item::update(&key, *patch, version, at, self.config.shards);
                self.in_tasks(Action::Update(keys::record(&key), update), condition)
            }
            RecordWrite::Delete { key, expect } => match expect {
                Expect::Absent => self.in_tasks(Action::Check(keys::record(&key)), absent()),
                Expect::Version(version) => {
                    let values = [(":expected", uuid(version))];
                    let condition = Expression::new("attribute_not_exists(pk) OR v = :expected", values);
                    self.in_tasks(Action::Delete(keys::record(&key)), condition)
                }
                Expect::Any => {
                    let condition = Expression::new("attribute_not_exists(pk) OR attribute_exists(pk)", []);
                    self.in_tasks(Action::Delete(keys::record(&key)), condition)
                }
            },
        }
    }

    fn new_task(&self, task: &Task, apart: bool) -> Result<Write, StoreError> {
        Ok(self.in_tasks(Action::Put(self.task_item(task, apart)?), absent()))
    }

    fn task_item(&self, task: &Task, apart: bool) -> Result<Item, StoreError> {
        task_item::write(task, apart, self.config.retention.of(task), self.config.shards)
            .map_err(StoreError::Unavailable)
    }

    pub(super) fn in_tasks(&self, action: Action, condition: Expression) -> Write {
        Write { table: self.config.tasks_table.clone(), action, condition }
    }

    /// Puts the payload item of `task`, unless one is there that is kept longer: that of a task put earlier under
    /// the same key, with the same payload and a later start.
    async fn put_payload(&self, task: &Task) -> Result<(), StoreError> {
        let item = payload::write(task, self.config.retention.of(task));
        let ttl = item.get("ttl_s").cloned().unwrap_or(AttributeValue::Null(true));
        let condition = Expression::new("attribute_not_exists(pk) OR ttl_s < :until", [(":until", ttl)]);
        match write::make(&self.client, &[self.in_tasks(Action::Put(item), condition)]).await {
            Ok(()) | Err(Refused::Conditions(_)) => Ok(()),
            Err(Refused::Failed(error)) => Err(error),
        }
    }
}

/// What failed conditions say of a commit of `parts`: that its own first try had landed, or what is in its way.
fn judged(parts: &[(Part, Option<Uuid>)], failed: &[(usize, Option<Item>)]) -> Result<(), StoreError> {
    let own = |place: usize| {
        let version = parts.get(place).and_then(|(_, version)| *version);
        let stored = failed.iter().find(|(at, _)| *at == place).and_then(|(_, stored)| stored.as_ref());
        version.zip(stored).is_some_and(|(version, stored)| is_own(stored, version))
    };
    // The first part that has a version tells: it was written together with all others.
    let landed = parts.iter().position(|(_, version)| version.is_some()).is_some_and(own);
    if landed {
        return Ok(());
    }
    let failed: Vec<Part> = failed.iter().filter_map(|(place, _)| parts.get(*place).map(|(part, _)| *part)).collect();
    Err(StoreError::Conflict { parts: failed })
}

/// The row that rides in the task's item and may be in the log or not, where a commit was refused for that: the item is of
/// the version that was expected.
fn rides_uncopied(made: &Result<(), Refused>, expected: Option<Uuid>) -> Result<Option<(Riding, Item)>, StoreError> {
    let (Err(Refused::Conditions(failed)), Some(expected)) = (made, expected) else { return Ok(None) };
    let task = failed.iter().find(|(place, _)| *place == 0).and_then(|(_, stored)| stored.as_ref());
    let Some(item) = task.filter(|item| is_own(item, expected)) else { return Ok(None) };
    Ok(riding_in(item)?.map(|riding| (riding, item.clone())))
}

/// Whether `stored` is what a write with this version left.
pub(super) fn is_own(stored: &Item, version: Uuid) -> bool {
    Fields(stored).uuid("v").is_ok_and(|stored| stored == version)
}

pub(super) fn is_still(version: Uuid) -> Expression {
    Expression::new("v = :expected", [(":expected", uuid(version))])
}

pub(super) fn absent() -> Expression {
    Expression::new("attribute_not_exists(pk)", [])
}

/// "This stored item cannot be read."
pub(super) fn corrupt(id: String, source: anyhow::Error) -> StoreError {
    StoreError::Corrupt { id, source }
}
