//! Deltas, rounds and counters as folding finds them; the items are told in [`super::counters`].

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    dynamo::{
        DynamoStore,
        attributes::{Fields, Item, from_json, number, text},
        commit::{absent, corrupt},
        concurrently, delta,
        errors::read_failed,
        expression::Expression,
        keys,
        write::{self, Action, Refused, Write},
    },
    relay::{Delta, Deltas, Round, Sums, Tally},
};
use errand::{
    StoreError, Timestamp,
    spi::{redact::chain, store::StatsScope},
};

/// How many deltas of each part one round takes: the ids of all must fit the round's item.
const MOST_OF_A_PART: i32 = 50;

/// How many counters are read before they are written.
const COUNTERS_AT_ONCE: usize = 1_000;

#[async_trait]
impl Deltas for DynamoStore {
    async fn round(&self) -> Result<Round, StoreError> {
        let Some(item) = self.item(keys::round()).await? else { return Ok(Round::default()) };
        read_round(&item).map_err(|source| corrupt("the newest round".to_owned(), source))
    }

    async fn begin(&self, round: &Round) -> Result<bool, StoreError> {
        let mut item = keys::round();
        item.insert("n".to_owned(), number(round.number));
        item.insert("deltas".to_owned(), AttributeValue::L(round.deltas.iter().map(text).collect()));
        let before = round.number.saturating_sub(1);
        let condition =
            if before == 0 { absent() } else { Expression::new("n = :before", [(":before", number(before))]) };
        match write::make(&self.client, &[self.in_tasks(Action::Put(item), condition)]).await {
            Ok(()) => Ok(true),
            // Begun by somebody else, or by a try of this whose answer was lost: then the next fold finishes it.
            Err(Refused::Conditions(_)) => Ok(false),
            Err(Refused::Failed(problem)) => Err(problem),
        }
    }

    async fn waiting(&self) -> Result<Vec<Delta>, StoreError> {
        let parts = (0..keys::DELTA_PARTS).map(|part| self.waiting_in(part)).collect();
        let found: Result<Vec<_>, _> = concurrently(parts).await.into_iter().collect();
        // What a newer version wrote waits for it.
        let read = found?.into_iter().flatten().map(|item| read_delta(&item));
        Ok(read.filter_map(|read| told(read, "a delta cannot be read; it waits")).collect())
    }

    async fn deltas(&self, ids: &[String]) -> Result<Vec<Delta>, StoreError> {
        let found = self.batch_get(ids.iter().map(|id| keys::delta(id)).collect()).await?;
        found.iter().map(read_delta).collect()
    }

    async fn add(&self, round: u64, mut counts: Tally, now: Timestamp) -> Result<(), StoreError> {
        let counters: Vec<StatsScope> = counts.iter().map(|(counter, _)| counter.clone()).collect();
        for counters in counters.chunks(COUNTERS_AT_ONCE) {
            let mut stored = self.counter_items(counters.iter().map(keys::counter).collect()).await?;
            let adds = counters.iter().filter_map(|counter| {
                let stored = stored.remove(&key_of(&keys::counter(counter)));
                self.addition(round, counter, stored, &counts.remove(counter)?, now)
            });
            let adds = adds.map(|add| self.add_one(round, add)).collect();
            concurrently(adds).await.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    async fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
        let remove = async |id: &String| {
            let delete = self.client.delete_item().table_name(&self.config.tasks_table);
            delete.set_key(Some(keys::delta(id))).send().await.map(drop).map_err(read_failed)
        };
        concurrently(ids.iter().map(remove).collect()).await.into_iter().collect()
    }
}

impl DynamoStore {
    async fn waiting_in(&self, part: u16) -> Result<Vec<Item>, StoreError> {
        let query = self.client.query().table_name(&self.config.tasks_table).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk").limit(MOST_OF_A_PART);
        let query = query.expression_attribute_values(":pk", text(keys::delta_part(part)));
        Ok(query.send().await.map_err(read_failed)?.items.unwrap_or_default())
    }

    /// Those of the items that are there, by `pk` and `sk`.
    pub(super) async fn counter_items(&self, keys: Vec<Item>) -> Result<HashMap<(String, String), Item>, StoreError> {
        Ok(self.batch_get(keys).await?.into_iter().map(|item| (key_of(&item), item)).collect())
    }

    /// What adds `sums` to a counter; nothing if its item has this round or cannot be read.
    fn addition(
        &self,
        round: u64,
        counter: &StatsScope,
        stored: Option<Item>,
        sums: &Sums,
        now: Timestamp,
    ) -> Option<Write> {
        let (mut all, condition) = match stored {
            None => (Sums::default(), absent()),
            Some(item) => {
                let (stands, all) = told(read_counter(&item), "a counter cannot be read; it stands still")?;
                if stands >= round {
                    return None;
                }
                (all, Expression::new("n = :stands", [(":stands", number(stands))]))
            }
        };
        all.merge(sums);
        all.forget_hours(now);
        let mut item = keys::counter(counter);
        item.insert("n".to_owned(), number(round));
        item.insert("counts".to_owned(), from_json(serde_json::to_value(&all).unwrap_or_default()));
        Some(self.in_tasks(Action::Put(item), condition))
    }

    async fn add_one(&self, round: u64, add: Write) -> Result<(), StoreError> {
        match write::make(&self.client, &[add]).await {
            Ok(()) => Ok(()),
            Err(Refused::Failed(problem)) => Err(problem),
            // By another folder, or by a try of this whose answer was lost.
            Err(Refused::Conditions(failed)) => {
                let stored = failed.into_iter().find_map(|(_, stored)| stored);
                let stands = stored.and_then(|item| Fields(&item).integer::<u64>("n").ok());
                if stands >= Some(round) { Ok(()) } else { Err(StoreError::Busy) }
            }
        }
    }
}

/// Up to which round a counter stands, and what it holds.
pub(super) fn read_counter(item: &Item) -> Result<(u64, Sums), StoreError> {
    let read = || Ok((Fields(item).integer("n")?, serde_json::from_value(Fields(item).doc("counts")?.into())?));
    read().map_err(|source: anyhow::Error| corrupt(format!("counter {:?}", key_of(item)), source))
}

fn read_round(item: &Item) -> anyhow::Result<Round> {
    let ids =
        item.get("deltas").and_then(|ids| ids.as_l().ok()).ok_or_else(|| anyhow::anyhow!("it names no deltas"))?;
    let deltas = ids.iter().filter_map(|id| id.as_s().ok().cloned()).collect();
    Ok(Round { number: Fields(item).integer("n")?, deltas })
}

fn read_delta(item: &Item) -> Result<Delta, StoreError> {
    let (pk, id) = key_of(item);
    let counts = Fields(item).bytes("counts").and_then(delta::read);
    let counts = counts.map_err(|source| corrupt(format!("delta {pk} {id}"), source))?;
    Ok(Delta { id, counts })
}

/// What was read; nothing, and a line for the operator, if it cannot be.
pub(super) fn told<T>(read: Result<T, StoreError>, message: &'static str) -> Option<T> {
    read.inspect_err(|problem| tracing::error!(error = %chain(problem), "{message}")).ok()
}

pub(super) fn key_of(item: &Item) -> (String, String) {
    let part = |name| Fields(item).text(name).unwrap_or_default().to_owned();
    (part("pk"), part("sk"))
}
