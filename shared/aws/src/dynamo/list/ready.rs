//! What workers outside may take.

use super::items;
use crate::dynamo::{
    DynamoStore,
    attributes::{Fields, Item, millis, text},
    concurrently, keys,
};
use errand::{Name, Priority, StoreError, TaskKey, Timestamp, spi::store::Wanted};

impl DynamoStore {
    /// Beginning at any part: many workers that begin at the same one would all ask for the same tasks.
    pub(in crate::dynamo) async fn ready_in(
        &self,
        wanted: &Wanted,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<TaskKey>, StoreError> {
        let first = fastrand::u16(..keys::READY_PARTS);
        let mut ready = Vec::new();
        for priority in Priority::ALL {
            for nth in 0..keys::READY_PARTS {
                let part = (first + nth) % keys::READY_PARTS;
                let of = |name: &Name| keys::ready(&wanted.tenant, name, wanted.pool.as_ref(), priority, part);
                let places = wanted.types.iter().map(|name| self.ready_part(of(name), now, limit - ready.len()));
                let found = concurrently(places.collect()).await.into_iter().collect::<Result<Vec<_>, _>>()?;
                let mut found: Vec<(Timestamp, TaskKey)> = found.into_iter().flatten().collect();
                found.sort_unstable();
                ready.extend(found.into_iter().map(|(_, key)| key).take(limit - ready.len()));
                if ready.len() >= limit {
                    return Ok(ready);
                }
            }
        }
        Ok(ready)
    }

    async fn ready_part(
        &self,
        part: String,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, TaskKey)>, StoreError> {
        let query = self.index("ready", "q = :q AND qa <= :now");
        let query = query.expression_attribute_values(":q", text(part));
        let found = items(query.expression_attribute_values(":now", millis(now)), limit).await?;
        let place = |item: &Item| {
            let fields = Fields(item);
            fields.millis("qa").ok().zip(fields.text("pk").ok().and_then(keys::parse_task))
        };
        Ok(found.iter().filter_map(place).collect())
    }
}
