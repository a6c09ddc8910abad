//! The action log: a row rides in its task's item, is copied to the table `ActionLog`, and read from both.
//!
//! ```text
//!  commit: the item with its row ──► copy: put if absent ──► next change: without the row, once it is in the log
//! ```
//!
//! Who commits copies at once. If that fails, the next change of the task does it first, the relay when the stream brings
//! the item, and again when it brings its removal. A copy carries the version of its row's commit, by which it is known:
//! another row in its place is one that a task, restored from a backup, has not heard of. The copy is put behind the last
//! row then, and whoever changes the task is told so.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use tracing::{error, warn};
use uuid::Uuid;

use crate::dynamo::{
    DynamoStore,
    attributes::{Fields, Item, number, text, uuid},
    commit::{absent, corrupt, is_own},
    concurrently,
    expression::Expression,
    keys,
    list::items,
    log_item,
    riding::{self, ROW, Riding},
    write::{self, Action, Refused, Write},
};
use errand::{
    StoreError, Task, TaskKey, Timestamp,
    spi::{
        ids,
        lifecycle::log::{LogEntry, LogKind},
        store::Page,
    },
};

impl DynamoStore {
    /// The item of the task first, then the log: what is not in the item any more is in the log by then.
    pub(super) async fn log_page(
        &self,
        task: &Task,
        after: u64,
        limit: usize,
    ) -> Result<Page<LogEntry, u64>, StoreError> {
        let riding = self.item(keys::task(&task.key)).await?.map(|item| riding_in(&item)).transpose()?.flatten();
        let mut found = items(self.rows(&task.key, task.created_at, after), limit + 1).await?;
        let mut more = found.len() > limit;
        found.truncate(limit);
        let last = if let Some(riding) = riding.filter(|riding| riding.born == task.created_at && !more) {
            self.uncopied(riding, after, &found).await?
        } else {
            None
        };
        let read = |item| log_item::read(&task.key, item).map_err(|source| corrupt(keys::log_pk(&task.key), source));
        let mut rows: Vec<LogEntry> = found.into_iter().map(read).collect::<Result<_, _>>()?;
        rows.extend(last.filter(|row| row.seq > after));
        more |= rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(|row| row.seq).filter(|_| more);
        Ok(Page { items: rows, next })
    }

    /// The row that rides, at the place its copy will have, unless that is among the rows. `found`: all after `after`.
    async fn uncopied(&self, riding: Riding, after: u64, found: &[Item]) -> Result<Option<LogEntry>, StoreError> {
        let from_its_place = match after < riding.row.seq {
            true => found.to_vec(),
            false => items(self.rows(riding.key(), riding.born, riding.row.seq.saturating_sub(1)), usize::MAX).await?,
        };
        if from_its_place.iter().any(|row| is_own(row, riding.version)) {
            return Ok(None);
        }
        let last = from_its_place.last().map(place).transpose()?;
        let seq = last.map_or(riding.row.seq, |last| riding.row.seq.max(last + 1));
        Ok(Some(LogEntry { seq, ..riding.row }))
    }

    /// Sees to it that the row of a change that stands is in the log. What does not come of it is made up for later.
    pub(super) async fn copy_at_once(&self, riding: &Riding, item: Item) {
        if let Err(error) = self.see_copied(riding, item).await {
            let key = riding.key();
            warn!(tenant = %key.tenant, task.id = %key.id, %error, "a row is not in the action log yet, but with its task");
        }
    }

    /// Whether the log is known to have the row that rides in the task's item, of which the change is `to`, and `row` that
    /// change's own. An execution begins with a claim, after which none rides: there is nothing to look for at its end.
    pub(super) async fn has_row_before(
        &self,
        to: &Task,
        row: Option<&LogEntry>,
        version: Uuid,
    ) -> Result<bool, StoreError> {
        let seq = row.map_or(to.log_seq, |row| row.seq.saturating_sub(1));
        if seq == 0 || row.is_some_and(|row| row.kind == LogKind::Execution) {
            return Ok(false);
        }
        let rows = items(self.rows(&to.key, to.created_at, seq - 1), 1).await?;
        Ok(rows.first().is_some_and(|row| is_own(row, version)))
    }

    /// Sees to it that the row which rides in `item` is in the log. Where its place was taken the item is told, and has
    /// another version then.
    pub(super) async fn see_copied(&self, riding: &Riding, item: Item) -> Result<(), StoreError> {
        let seq = self.copy(riding).await?;
        if seq == riding.row.seq { Ok(()) } else { self.tell_place(riding, seq, item).await }
    }

    async fn tell_place(&self, riding: &Riding, seq: u64, mut item: Item) -> Result<(), StoreError> {
        item.remove(ROW);
        item.insert("v".to_owned(), uuid(ids::fresh()));
        if let Some(AttributeValue::M(doc)) = item.get_mut("doc") {
            doc.insert("ls".to_owned(), number(seq));
        }
        let condition = Expression::new("v = :expected", [(":expected", uuid(riding.version))]);
        match write::make(&self.client, &[self.in_tasks(Action::Put(item), condition)]).await {
            // Whoever has changed it meanwhile has found the copy by its version.
            Ok(()) | Err(Refused::Conditions(_)) => Ok(()),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    /// The place that the row has in the log, put there unless it is there.
    async fn copy(&self, riding: &Riding) -> Result<u64, StoreError> {
        let mut seq = riding.row.seq;
        while !self.put_row(riding, seq).await? {
            let before = riding.row.seq.saturating_sub(1);
            let rows = items(self.rows(riding.key(), riding.born, before), usize::MAX).await?;
            if let Some(copy) = rows.iter().find(|row| is_own(row, riding.version)) {
                return place(copy);
            }
            // Nothing there: the one in its place has gone by its age.
            seq = rows.last().map(place).transpose()?.map_or(riding.row.seq, |last| last + 1);
        }
        Ok(seq)
    }

    /// Puts the row at this place; whether that was free.
    async fn put_row(&self, riding: &Riding, seq: u64) -> Result<bool, StoreError> {
        let row = LogEntry { seq, ..riding.row.clone() };
        let item = log_item::write(&row, riding.born, riding.version, self.config.retention.log);
        let action = Action::Put(item.map_err(StoreError::Unavailable)?);
        let write = Write { table: self.config.log_table.clone(), action, condition: absent() };
        match write::make(&self.client, &[write]).await {
            Ok(()) => Ok(true),
            Err(Refused::Conditions(_)) => Ok(false),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    /// Sees to it that the rows which ride in these items, as the change stream brings them, are in the log. One that cannot
    /// be read holds up no other.
    pub async fn copy_rows(&self, items: &[Item]) -> Result<(), StoreError> {
        let read = items.iter().filter_map(|item| {
            riding::read(item).unwrap_or_else(|problem| {
                error!(key = ?item.get("pk"), error = %format!("{problem:#}"), "a row cannot be read, and is not copied to the action log");
                None
            })
        });
        let ridings: Vec<Riding> = read.collect();
        // DynamoDB refuses a batch that names a key twice.
        let places: BTreeSet<_> = ridings.iter().map(|riding| (riding.key(), riding.born, riding.row.seq)).collect();
        let keys = places.into_iter().map(|(key, born, seq)| keys::log(key, born, seq)).collect();
        let there = self.batch_get_rows(keys).await?;
        let missing = ridings.iter().filter(|riding| !there.iter().any(|row| is_own(row, riding.version)));
        let copied = concurrently(missing.map(|riding| self.copy(riding)).collect()).await;
        copied.into_iter().try_for_each(|copied| copied.map(drop))
    }

    /// A query of the rows after `after` of a life, in order.
    fn rows(&self, key: &TaskKey, born: Timestamp, after: u64) -> QueryFluentBuilder {
        let (first, last) = keys::log_range(born, after);
        let query = self.client.query().table_name(&self.config.log_table).consistent_read(true);
        query
            .key_condition_expression("pk = :pk AND seq BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(keys::log_pk(key)))
            .expression_attribute_values(":first", number(first))
            .expression_attribute_values(":last", number(last))
    }
}

/// The row that rides in an item of the table `Tasks`.
pub(super) fn riding_in(item: &Item) -> Result<Option<Riding>, StoreError> {
    riding::read(item).map_err(|source| corrupt(format!("{:?}", item.get("pk")), source))
}

/// A row's `seq`.
fn place(row: &Item) -> Result<u64, StoreError> {
    let number = Fields(row).integer("seq").map_err(|source| corrupt(format!("{:?}", row.get("pk")), source))?;
    Ok(keys::log_seq(number))
}
