//! The relay's watermarks, deltas and counters, as items of the table `Tasks` that its stream's filter leaves out.
//!
//! | item | `pk` | `sk` | attributes |
//! |---|---|---|---|
//! | a shard's watermark | `w#{shard}` | `w` | `n`: the sequence number, as text; `ttl_s` |
//! | a delta | `w#*{part}` | `{shard}#{sequence number}` | `counts`: a [`Tally`] as JSON, deflated |
//! | the newest round | `w#*` | `round` | `n`: its number; `deltas`: the ids of what it adds |
//! | a queue's counter | `c#{tenant}` | `q#{project}#{queue}` | `n`: up to which round; `counts`: its [`Sums`] |
//! | everybody's | `c#*` | `q` | the same |
//! | a tenant's total, as it was before each queue had a counter | `c#{tenant}` | `total` | see [`crate::relay::before`] |
//! | its hour | `c#{tenant}` | `hour#{its start, in milliseconds since 1970}` | the same; `ttl_s` |
//! | everybody's | `c#*` | as above | as above |
//!
//! [`Sums`]: crate::relay::Sums

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    dynamo::{
        DynamoStore,
        attributes::{Fields, Item, bytes, text, ttl},
        commit::{absent, corrupt},
        delta,
        errors::read_failed,
        expression::Expression,
        keys,
        write::{self, Action, Refused},
    },
    relay::{Counters, Moved, Sequence, Tally},
};
use errand::{StoreError, Timestamp};

/// How long a watermark is kept after it was last moved. A stream keeps its records for a day, and a shard takes new
/// ones for hours only.
const KEEP_WATERMARK: Duration = Duration::from_secs(7 * 24 * 3600);

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
        let stands = from.map_or_else(absent, |from| Expression::new("n = :from", [(":from", text(from.as_str()))]));
        let mut added = keys::delta(&keys::delta_id(shard, to));
        added.insert("counts".to_owned(), bytes(&delta::write(tally)?));
        let writes = [self.in_tasks(Action::Put(watermark), stands), self.in_tasks(Action::Put(added), absent())];
        match write::make(&self.client, &writes).await {
            Ok(()) => Ok(Moved::Done),
            Err(Refused::Failed(problem)) => Err(problem),
            Err(Refused::Conditions(failed)) => {
                let stored = failed.into_iter().find_map(|(place, stored)| stored.filter(|_| place == 0));
                let stands = stored.as_ref().map(sequence).transpose();
                stands.map(Moved::StandsAt).map_err(|source| corrupt(format!("watermark of {shard}"), source))
            }
        }
    }
}

impl DynamoStore {
    pub(super) async fn item(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.config.tasks_table).consistent_read(true);
        Ok(get.set_key(Some(key)).send().await.map_err(read_failed)?.item)
    }
}

fn sequence(item: &Item) -> anyhow::Result<Sequence> {
    Ok(Sequence::try_from(Fields(item).text("n")?.to_owned())?)
}
