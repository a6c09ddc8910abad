//! The relay's counters and watermarks, as items of the table `Tasks` that its stream's filter leaves out.
//!
//! | item | `pk` | `sk` | attributes |
//! |---|---|---|---|
//! | a tenant's total | `c#{tenant}` | `total` | see [`crate::relay::Field`] |
//! | its hour | `c#{tenant}` | `hour#{its start, in milliseconds since 1970}` | the same; `ttl_s` |
//! | everybody's | `c#*` | as above | as above |
//! | a shard's watermark | `w#{shard}` | `w` | `n`: the sequence number, as text; `ttl_s` |

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

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
    relay::{Counter, Counters, Field, Moved, Sequence, Tally},
    store::{KEEP_HOURS, StoreError},
};

const HOUR: Duration = Duration::from_secs(3600);

/// How long a watermark is kept after it was last moved. A stream keeps its records for a day, and a shard takes new
/// ones for hours only.
const KEEP_WATERMARK: Duration = Duration::from_secs(7 * 24 * 3600);

/// From this size on a counter takes no new names: an item holds 400 KiB, and one transaction adds less than the rest.
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
        tally: &Tally,
        now: Timestamp,
    ) -> Result<Moved, StoreError> {
        let mut watermark = keys::watermark(shard);
        watermark.insert("n".to_owned(), text(to.as_str()));
        watermark.insert("ttl_s".to_owned(), ttl(now + KEEP_WATERMARK));
        let condition = from.map_or_else(absent, |from| Expression::new("n = :from", [(":from", text(from.as_str()))]));
        let watermark = self.in_tasks(Action::Put(watermark), condition);

        let tally = self.fitted(tally.clone()).await?;
        match write::make(&self.client, &self.writes(watermark, &tally)).await {
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
    async fn item(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.config.tasks_table).consistent_read(true);
        Ok(get.set_key(Some(key)).send().await.map_err(read_failed)?.item)
    }

    fn writes(&self, watermark: Write, tally: &Tally) -> Vec<Write> {
        let updates = tally.iter().filter_map(|(counter, fields)| {
            let update = update(counter, fields)?;
            Some(self.in_tasks(Action::Update(keys::counter(counter), update), Expression::default()))
        });
        std::iter::once(watermark).chain(updates).collect()
    }

    /// What of the tally is news, given what is stored, and has room there. Two shards at the same moment may both have
    /// news of when a task was last processed; then the later window decides, and the next one is right.
    async fn fitted(&self, mut tally: Tally) -> Result<Tally, StoreError> {
        let counters: Vec<Counter> = tally.iter().map(|(counter, _)| counter.clone()).collect();
        let stored = self.counter_items(&counters).await?;
        for counter in &counters {
            let Some(item) = stored.get(counter) else { continue };
            if size(item) > FULL_BYTES {
                tracing::error!(%counter, "a counter has no room for more names; it goes on by status alone");
                tally.fold(counter);
            }
            tally.forget_earlier(counter, |field| count(item, field.as_str()));
        }
        Ok(tally)
    }

    /// Those of the counters that are there. Strongly consistent.
    pub(super) async fn counter_items(&self, counters: &[Counter]) -> Result<HashMap<Counter, Item>, StoreError> {
        let found = self.batch_get(counters.iter().map(keys::counter).collect()).await?;
        let of = |item: &Item| {
            counters.iter().find(|counter| keys::counter(counter).iter().all(|(k, v)| item.get(k) == Some(v)))
        };
        Ok(found.into_iter().filter_map(|item| Some((of(&item)?.clone(), item))).collect())
    }
}

/// A number that a counter's item holds.
pub(super) fn count(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// Adds what there is to add; `None` if there is nothing.
fn update(counter: &Counter, fields: &BTreeMap<Field, i64>) -> Option<Expression> {
    let mut update = Expression::default();
    let (mut sets, mut adds) = (Vec::new(), Vec::new());
    for (field, by) in fields.iter().filter(|(_, by)| **by != 0) {
        let (name, value) = (update.name(field.as_str().to_owned()), update.value(number(by)));
        if field.is_time() {
            sets.push(format!("{name} = {value}"));
        } else {
            adds.push(format!("{name} {value}"));
        }
    }
    if adds.is_empty() {
        return None;
    }
    if let Some(hour) = counter.hour {
        let until = update.value(ttl(hour + HOUR + KEEP_HOURS));
        sets.push(format!("ttl_s = {until}"));
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
