//! Reads of the indexes: what is due, lists of tasks and records. They may lag behind the table, so every
//! list reads the items themselves and drops what no longer stands where the index said.

mod ready;

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};

use crate::dynamo::{
    DynamoStore,
    attributes::{Fields, Item, bytes, millis, text},
    commit::corrupt,
    concurrently,
    errors::read_failed,
    filling::Filling,
    keys, record_item,
};
use errand::{
    StoreError, Task, TaskKey, Timestamp,
    spi::store::{
        Due, ListQuery, Listing, Page, Position, RECORD_PAGE_BYTES, Record, Related, TASK_PAGE_BYTES, doc_bytes,
    },
};

/// How many tasks, or records, of a page are read before it is known how large they are: of the largest records four
/// take some 100 MB, as attributes and then as values.
const TASKS_AT_FIRST: usize = 25;
const RECORDS_AT_FIRST: usize = 4;

impl DynamoStore {
    pub(super) async fn due_in(&self, shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let query = self.index("due", "d = :d AND w <= :until");
        let query = query.expression_attribute_values(":d", text(keys::due_shard(shard)));
        let found = items(query.expression_attribute_values(":until", millis(until)), limit).await?;
        let due = found.iter().filter_map(|item| {
            let fields = Fields(item);
            let due = fields.text("pk").ok().and_then(keys::parse_due).zip(fields.maybe_millis("w").ok().flatten());
            if due.is_none() {
                // Nothing can be done about a key that names nothing, and it must not keep the others from being seen.
                tracing::error!(key = ?item.get("pk"), "an entry of the due index names neither a task nor a record");
            }
            due.map(|(item, wake_at)| Due { item, wake_at })
        });
        Ok(due.collect())
    }

    pub(super) async fn list_page(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        let newest_first = query.listing.newest_first();
        let parts = keys::list_partitions(&query.tenant, &query.listing, self.config.shards);
        let parts = parts.into_iter().map(|part| self.list_part(&query.listing, part, after, limit + 1)).collect();
        let parts: Vec<_> = concurrently(parts).await.into_iter().collect::<Result<_, _>>()?;
        let mut places: Vec<(Position, TaskKey)> = parts.into_iter().flatten().collect();
        places.sort_unstable();
        places.dedup(); // one that moves to another part may be seen in both
        if newest_first {
            places.reverse();
        }
        let mut more = places.len() > limit;
        places.truncate(limit);

        let (mut shown, mut page): (Vec<(Position, Task)>, _) =
            (Vec::new(), Filling::new(TASKS_AT_FIRST, TASK_PAGE_BYTES));
        while let Some(next) = page.next(places.len()) {
            let some = places.get(next).unwrap_or_default();
            let keys: Vec<TaskKey> = some.iter().map(|(_, key)| key.clone()).collect();
            for task in self.read_tasks(&keys).await? {
                page.add(task.body_bytes());
                if let Some(position) = query.listing.position(&task).filter(|_| query.filter.shows(&task)) {
                    shown.push((position, task));
                }
            }
        }
        more |= page.looked() < places.len();
        places.truncate(page.looked());
        // Where it stands now must be where the index said, or it would be on two pages, or on the wrong one.
        shown.retain(|(position, task)| places.iter().any(|(at, key)| at == position && *key == task.key));
        shown.sort_unstable_by_key(|(position, _)| *position);
        if newest_first {
            shown.reverse();
        }
        let next = places.last().map(|(at, _)| *at).filter(|_| more);
        Ok(Page { items: shown.into_iter().map(|(_, task)| task).collect(), next })
    }

    /// The first `limit` places after `after` of one part of a list.
    async fn list_part(
        &self,
        list: &Listing,
        part: String,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, TaskKey)>, StoreError> {
        let (index, key, sort) = match list {
            Listing::Queue { .. } => ("listing", "l", "m"),
            Listing::User(_) => ("user", "u", "c"),
            Listing::Children(_) => ("parent", "p", "ps"),
        };
        let as_text = matches!(list, Listing::Children(_));
        let after = after.map(|at| if as_text { text(keys::child(&at)) } else { bytes(at.as_bytes()) });
        let query = self.ordered(index, (key, text(part)), sort, after, list.newest_first());
        let place = |item: &Item| {
            let fields = Fields(item);
            let position = match as_text {
                true => fields.text(sort).ok().and_then(keys::parse_child),
                false => fields.bytes(sort).ok().and_then(Position::from_bytes),
            };
            position.zip(fields.text("pk").ok().and_then(keys::parse_task))
        };
        Ok(items(query, limit).await?.iter().filter_map(place).collect())
    }

    pub(super) async fn records_page(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError> {
        let (key, sort) = keys::relation_attributes(related.by);
        let index = match related.by {
            errand::spi::store::RelationKind::Parent => "parent",
            errand::spi::store::RelationKind::Owner => "owner",
        };
        let partition = (key, text(keys::related(related)));
        let query = self.ordered(index, partition, sort, after.map(text), related.newest_first);
        let found = items(query, limit + 1).await?;
        let mut places: Vec<(String, String)> = Vec::new();
        for item in &found {
            let fields = Fields(item);
            if let (Ok(at), Ok(pk)) = (fields.text(sort), fields.text("pk")) {
                places.push((at.to_owned(), pk.to_owned()));
            }
        }
        let mut more = places.len() > limit;
        places.truncate(limit);

        let (mut shown, mut page): (Vec<(usize, Record)>, _) =
            (Vec::new(), Filling::new(RECORDS_AT_FIRST, RECORD_PAGE_BYTES));
        while let Some(next) = page.next(places.len()) {
            let keys = places.get(next).unwrap_or_default().iter().filter_map(|(_, pk)| keys::parse_record(pk));
            for item in self.batch_get(keys.map(|key| keys::record(&key)).collect()).await? {
                let is_here = |(at, pk): &(String, String)| {
                    let fields = Fields(&item);
                    let same = |name: &str, value: &str| fields.text(name).is_ok_and(|stored| stored == value);
                    same("pk", pk) && same(sort, at)
                };
                if let Some(place) = places.iter().position(is_here) {
                    let record = record_item::read(&item);
                    let id = places.get(place).map(|(_, pk)| pk.clone()).unwrap_or_default();
                    let record = record.map_err(|source| corrupt(id, source))?;
                    page.add(doc_bytes(&record.doc));
                    // The entry may lag behind a move to another owner under the same sort key.
                    if record.relation(related.by).is_some_and(|to| to.of == related.of) {
                        shown.push((place, record));
                    }
                }
            }
        }
        more |= page.looked() < places.len();
        places.truncate(page.looked());
        shown.sort_unstable_by_key(|(place, _)| *place);
        let next = places.last().map(|(at, _)| at.clone()).filter(|_| more);
        Ok(Page { items: shown.into_iter().map(|(_, record)| record).collect(), next })
    }

    /// A query of one partition of an index, in order, after a place.
    fn ordered(
        &self,
        index: &str,
        (key, partition): (&str, AttributeValue),
        sort: &str,
        after: Option<AttributeValue>,
        newest_first: bool,
    ) -> QueryFluentBuilder {
        let beyond = if newest_first { "<" } else { ">" };
        let condition = match &after {
            Some(_) => format!("{key} = :key AND {sort} {beyond} :after"),
            None => format!("{key} = :key"),
        };
        let query = self.index(index, &condition).expression_attribute_values(":key", partition);
        let query = query.scan_index_forward(!newest_first);
        match after {
            Some(after) => query.expression_attribute_values(":after", after),
            None => query,
        }
    }

    fn index(&self, index: &str, condition: &str) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.config.tasks_table).index_name(index);
        query.key_condition_expression(condition)
    }
}

/// The first `limit` items of a query, over as many pages as that takes.
pub(super) async fn items(query: QueryFluentBuilder, limit: usize) -> Result<Vec<Item>, StoreError> {
    let mut found = Vec::new();
    let mut from = None;
    loop {
        let left = limit.saturating_sub(found.len());
        if left == 0 {
            return Ok(found);
        }
        let page = query.clone().limit(i32::try_from(left).unwrap_or(i32::MAX)).set_exclusive_start_key(from);
        let page = page.send().await.map_err(read_failed)?;
        found.extend(page.items.unwrap_or_default());
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(found);
        }
    }
}
