//! The relay's counters and watermarks, as items of the table `Tasks` that its stream's filter leaves out.
//!
//! | item | `pk` | `sk` | attributes |
//! |---|---|---|---|
//! | a tenant's total | `c#{tenant}` | `total` | see [`crate::relay::Field`] |
//! | its hour | `c#{tenant}` | `hour#{hours since 1970}` | the same; `ttl_s` |
//! | everybody's | `c#*` | as above | as above |
//! | a shard's watermark | `w#{shard}` | `w` | `n`: the sequence number, as text; `ttl_s` |

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;

use super::{
    DynamoStore,
    attributes::{Fields, Item, number, size, text, ttl},
    commit::{absent, corrupt},
    errors::read_failed,
    expression::Expression,
    keys,
    write::{self, Action, Refused, Write},
};
use crate::{
    clock::Timestamp,
    relay::{Counter, Counters, Counts, Field, Moved, Sequence, hour_start},
    store::StoreError,
};

/// How long an hour's counters are kept, at least 48 hours after its end.
const KEEP_HOUR: Duration = Duration::from_secs(50 * 3600);

/// How long a watermark is kept after it was last moved. A stream keeps its records for a day, and a shard takes new
/// ones for hours only.
const KEEP_WATERMARK: Duration = Duration::from_secs(7 * 24 * 3600);

/// From this size on a counter takes no new names: an item holds 400 KiB, and one flush adds no more than the rest.
const FULL_BYTES: usize = 300 * 1024;

#[async_trait]
impl Counters for DynamoStore {
    async fn watermark(&self, shard: &str) -> Result<Option<Sequence>, StoreError> {
        let Some(item) = self.item(keys::watermark(shard)).await? else { return Ok(None) };
        sequence(&item).map(Some).map_err(|source| corrupt(format!("watermark of {shard}"), source))
    }

    async fn advance(
        &self,
        shard: &str,
        from: Option<&Sequence>,
        to: &Sequence,
        counts: &Counts,
        now: Timestamp,
    ) -> Result<Moved, StoreError> {
        let mut watermark = keys::watermark(shard);
        watermark.insert("n".to_owned(), text(to.as_str()));
        watermark.insert("ttl_s".to_owned(), ttl(now + KEEP_WATERMARK));
        let condition = from.map_or_else(absent, |from| Expression::new("n = :from", [(":from", text(from.as_str()))]));
        let watermark = self.in_tasks(Action::Put(watermark), condition);

        let made = match write::make(&self.client, &self.writes(&watermark, counts)).await {
            Err(Refused::Failed(StoreError::TooLarge(problem))) => {
                tracing::error!(problem, "a counter has no room for more names; they are counted together");
                let counts = self.with_room(counts.clone()).await?;
                write::make(&self.client, &self.writes(&watermark, &counts)).await
            }
            made => made,
        };
        match made {
            Ok(()) => Ok(Moved::Done),
            Err(Refused::Failed(problem)) => Err(problem),
            Err(Refused::Conditions(failed)) => {
                let stored = failed.into_iter().find_map(|(_, stored)| stored);
                let stands = stored.as_ref().map(sequence).transpose();
                stands.map(Moved::StandsAt).map_err(|source| corrupt(format!("watermark of {shard}"), source))
            }
        }
    }
}

impl DynamoStore {
    /// What a counter holds, by name; nothing if nothing was counted. Strongly consistent.
    pub async fn counter(&self, counter: &Counter) -> Result<BTreeMap<String, i64>, StoreError> {
        let item = self.item(keys::counter(counter)).await?.unwrap_or_default();
        let fields = item.iter().filter(|(name, _)| Field::read(name).is_some());
        let read = fields.map(|(name, value)| Some((name.clone(), value.as_n().ok()?.parse().ok()?)));
        let read: Option<BTreeMap<String, i64>> = read.collect();
        read.ok_or_else(|| corrupt(format!("counter {counter}"), anyhow::anyhow!("a count is no number")))
    }

    async fn item(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.config.tasks_table).consistent_read(true);
        Ok(get.set_key(Some(key)).send().await.map_err(read_failed)?.item)
    }

    fn writes(&self, watermark: &Write, counts: &Counts) -> Vec<Write> {
        let updates = counts.iter().filter_map(|(counter, fields)| {
            let update = update(counter, fields)?;
            Some(self.in_tasks(Action::Update(keys::counter(counter), update), Expression::default()))
        });
        std::iter::once(watermark.clone()).chain(updates).collect()
    }

    /// The counts with the counters that are full by status alone.
    async fn with_room(&self, counts: Counts) -> Result<Counts, StoreError> {
        let counters: Vec<Counter> = counts.iter().map(|(counter, _)| counter.clone()).collect();
        let mut folded = counts;
        for counter in counters {
            let stored = self.item(keys::counter(&counter)).await?;
            if stored.is_some_and(|item| size(&item) > FULL_BYTES) {
                folded = folded.folded(&counter);
            }
        }
        Ok(folded)
    }
}

/// Adds what there is to add; `None` if there is nothing.
fn update(counter: &Counter, fields: &BTreeMap<Field, i64>) -> Option<Expression> {
    let mut update = Expression::default();
    let (mut sets, mut adds) = (Vec::new(), Vec::new());
    for (field, by) in fields.iter().filter(|(_, by)| **by != 0) {
        let (name, value) = (update.name(field.as_str().to_owned()), update.value(number(by)));
        if field.is_time() { sets.push(format!("{name} = {value}")) } else { adds.push(format!("{name} {value}")) }
    }
    if adds.is_empty() {
        return None;
    }
    if let Some(hour) = counter.hour {
        let at = update.value(ttl(hour_start(hour + 1) + KEEP_HOUR));
        sets.push(format!("ttl_s = {at}"));
    }
    update.text = format!("ADD {}", adds.join(", "));
    if !sets.is_empty() {
        update.text = format!("{} SET {}", update.text, sets.join(", "));
    }
    Some(update)
}

fn sequence(item: &Item) -> anyhow::Result<Sequence> {
    Ok(Sequence::try_from(Fields(item).text("n")?.to_owned())?)
}
