//! The keys of what is counted: counters, and what the stream's shards have counted for them.

use super::{item, shard};
use crate::{dynamo::attributes::Item, relay::Sequence};
use errand::{Name, Timestamp, spi::store::StatsScope};

/// Parts of the deltas: all shards of the stream write theirs at the same moment, the end of their windows.
pub(crate) const DELTA_PARTS: u16 = 16;

/// The key of a counter's item. No tenant is called `*`.
pub(crate) fn counter(counter: &StatsScope) -> Item {
    match counter {
        StatsScope::All => item(counters(None), "q".to_owned()),
        StatsScope::Queue { tenant, project, queue } => item(counters(Some(tenant)), queue_counter(project, queue)),
    }
}

/// `pk` of a tenant's counters, or of everybody's.
pub(crate) fn counters(tenant: Option<&Name>) -> String {
    format!("c#{}", tenant.map_or("*", Name::as_str))
}

/// `sk` of a queue's counter. `#` sorts before all that names are made of: the items are in the order of the queues.
pub(crate) fn queue_counter(project: &Name, queue: &Name) -> String {
    format!("{}{queue}", queue_counters(project))
}

/// What each `sk` of the counters of a project's queues begins with.
pub(crate) fn queue_counters(project: &Name) -> String {
    format!("q#{project}#")
}

/// The key of a counter as it was before each queue had one: a tenant's or everybody's, of an hour or of all.
pub(crate) fn counter_before(tenant: Option<&Name>, hour: Option<Timestamp>) -> Item {
    let sk = hour.map_or_else(|| "total".to_owned(), |hour| format!("hour#{}", hour.as_millis()));
    item(counters(tenant), sk)
}

/// The key of a stream shard's watermark.
pub(crate) fn watermark(shard: &str) -> Item {
    item(format!("w#{shard}"), "w".to_owned())
}

/// The id of what was counted of a stream shard up to `to`.
pub(crate) fn delta_id(stream_shard: &str, to: &Sequence) -> String {
    format!("{stream_shard}#{to}")
}

/// The key of a delta's item.
pub(crate) fn delta(id: &str) -> Item {
    let stream_shard = id.rsplit_once('#').map_or(id, |(shard, _)| shard);
    item(delta_part(shard(stream_shard.as_bytes(), DELTA_PARTS)), id.to_owned())
}

/// `pk` of a part of the deltas. No shard of the stream is called so.
pub(crate) fn delta_part(part: u16) -> String {
    format!("w#*{part}")
}

/// The key of the newest round of folding.
pub(crate) fn round() -> Item {
    item("w#*".to_owned(), "round".to_owned())
}
