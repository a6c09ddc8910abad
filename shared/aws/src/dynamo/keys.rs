//! The keys of the tables: how they are written and read. Names and ids hold no `#`, names no `/`.

mod counted;
mod logged;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::{
    Shards,
    dynamo::attributes::{Item, bytes, text},
};
use errand::{
    Id, Name, Priority, Relation, Task, TaskKey, Timestamp,
    spi::store::{Bucket, DueItem, Listing, Position, RecordKey, Related, RelationKind},
};

pub(super) use counted::{
    DELTA_PARTS, counter, counter_before, counters, delta, delta_id, delta_part, queue_counter, queue_counters, round,
    watermark,
};
pub(super) use logged::{log, log_pk, log_range, log_seq};

/// Parts of what one priority of one type's pool has in the index `ready`. A task writes there twice, so they take some
/// 1,000 tasks a second; and whoever asks, and finds nothing, has asked as often for each priority.
pub(super) const READY_PARTS: u16 = 2;

/// `sk` of a task.
pub(super) const TASK: &str = "t";

/// `sk` of a record.
pub(super) const RECORD: &str = "r";

/// The key of a task's item.
pub(super) fn task(key: &TaskKey) -> Item {
    item(task_pk(key), TASK.to_owned())
}

/// `pk` of a task and of its payload, if that is an item of its own.
pub(super) fn task_pk(key: &TaskKey) -> String {
    format!("t#{}#{}", key.tenant, key.id)
}

/// The key of a payload's item: the hash keeps a refused task from replacing the payload of the one that is there.
pub(super) fn payload(key: &TaskKey, hash: &str) -> Item {
    item(task_pk(key), payload_sk(hash))
}

/// `sk` of a payload. Sorts before [`TASK`].
pub(super) fn payload_sk(hash: &str) -> String {
    format!("payload#{hash}")
}

/// The key of a record's item.
pub(super) fn record(key: &RecordKey) -> Item {
    item(format!("r#{}#{}#{}", key.tenant, key.kind, key.id), RECORD.to_owned())
}

/// Reads the key of a task's item.
pub(super) fn parse_task(pk: &str) -> Option<TaskKey> {
    let (tenant, id) = pk.strip_prefix("t#")?.split_once('#')?;
    Some(TaskKey { tenant: Name::new(tenant).ok()?, id: Uuid::parse_str(id).ok()? })
}

/// Reads the key of a record's item.
pub(super) fn parse_record(pk: &str) -> Option<RecordKey> {
    let (tenant, rest) = pk.strip_prefix("r#")?.split_once('#')?;
    let (kind, id) = rest.split_once('#')?;
    Some(RecordKey { tenant: Name::new(tenant).ok()?, kind: Name::new(kind).ok()?, id: Id::new(id).ok()? })
}

/// What an entry of the index `due` speaks of.
pub(super) fn parse_due(pk: &str) -> Option<DueItem> {
    parse_task(pk).map(DueItem::Task).or_else(|| parse_record(pk).map(DueItem::Record))
}

/// `q` of a task.
pub(super) fn ready_of(task: &Task) -> String {
    let part = shard(task.key.id.as_bytes(), READY_PARTS);
    ready(&task.key.tenant, &task.task_type, task.pool.as_ref(), task.priority, part)
}

/// `q` of a part of the index `ready`. No name begins with `#`.
pub(super) fn ready(tenant: &Name, task_type: &Name, pool: Option<&Name>, priority: Priority, part: u16) -> String {
    let pool = pool.map_or("", Name::as_str);
    format!("{tenant}#{task_type}#{pool}#{}#{part}", priority.rank())
}

/// `d` of a part of the index `due`.
pub(super) fn due_shard(shard: u16) -> String {
    format!("due#{shard}")
}

/// `d` of a task.
pub(super) fn due_of_task(key: &TaskKey, shards: Shards) -> String {
    due_shard(shard(key.id.as_bytes(), shards.due))
}

/// `d` of a record.
pub(super) fn due_of_record(key: &RecordKey, shards: Shards) -> String {
    due_shard(shard(key.id.as_str().as_bytes(), shards.due))
}

/// `l` of a task.
pub(super) fn listing_of(task: &Task, shards: Shards) -> String {
    let shard = shard(task.key.id.as_bytes(), shards.queue);
    listing(&task.key.tenant, &task.project, &task.queue, Bucket::of(task.status()), shard)
}

/// `l` of a part of a queue's list.
pub(super) fn listing(tenant: &Name, project: &Name, queue: &Name, bucket: Bucket, shard: u16) -> String {
    format!("{tenant}/{project}/{queue}#{}#{shard}", bucket.as_str())
}

/// The project and queue that an `l` names.
pub(super) fn parse_listing(l: &str) -> Option<(Name, Name)> {
    let (_tenant, rest) = l.split_once('#')?.0.split_once('/')?;
    let (project, queue) = rest.split_once('/')?;
    Some((Name::new(project).ok()?, Name::new(queue).ok()?))
}

/// `u` of a task about `user`.
pub(super) fn user_of(task: &Task, user: &Id, shards: Shards) -> String {
    self::user(&task.key.tenant, user, shard(task.key.id.as_bytes(), shards.user))
}

/// `u` of a part of a user's tasks. The first is all there was before there were parts.
fn user(tenant: &Name, user: &Id, shard: u16) -> String {
    match shard {
        0 => format!("{tenant}#{user}"),
        shard => format!("{tenant}#{user}#{shard}"),
    }
}

/// The user that a `u` names.
pub(super) fn parse_user(u: &str) -> Option<Id> {
    Id::new(u.split('#').nth(1)?).ok()
}

/// `p` of the tasks that follow from a task. No kind of record has such a name.
pub(super) fn children(tenant: &Name, parent: Uuid) -> String {
    format!("{tenant}#/children#{parent}")
}

/// `ps` of such a task: its place, as text in the same order.
pub(super) fn child(place: &Position) -> String {
    let (_, at, id) = place.parts();
    format!("{:015}#{id}", at.as_millis())
}

/// Reads what [`child`] wrote.
pub(super) fn parse_child(ps: &str) -> Option<Position> {
    let (at, id) = ps.split_once('#')?;
    Some(Position::new(0, Timestamp::from_millis(at.parse().ok()?), Uuid::parse_str(id).ok()?))
}

/// Every partition of the indexes that a list is spread over, by the index's key attribute.
pub(super) fn list_partitions(tenant: &Name, list: &Listing, shards: Shards) -> Vec<String> {
    match list {
        Listing::Queue { project, queue, bucket } => {
            (0..shards.queue).map(|shard| listing(tenant, project, queue, *bucket, shard)).collect()
        }
        Listing::User(id) => (0..shards.user).map(|shard| user(tenant, id, shard)).collect(),
        Listing::Children(id) => vec![children(tenant, *id)],
    }
}

/// `p` or `o`: what a relation leads from.
pub(super) fn related(related: &Related) -> String {
    relation(&related.tenant, &related.kind, &related.of)
}

/// The names of a relation's attributes: the index's key and its sort key.
pub(super) fn relation_attributes(kind: RelationKind) -> (&'static str, &'static str) {
    match kind {
        RelationKind::Parent => ("p", "ps"),
        RelationKind::Owner => ("o", "os"),
    }
}

/// The values of a relation's attributes.
pub(super) fn relation_values(of: &RecordKey, to: &Relation) -> (String, String) {
    (relation(&of.tenant, &of.kind, &to.of), format!("{}#{}", to.sort, of.id))
}

/// Reads the values of a relation's attributes.
pub(super) fn parse_relation(key: &str, sort: &str) -> Option<Relation> {
    let (_kind, of) = key.rsplit_once('#')?;
    Some(Relation { of: Id::new(of).ok()?, sort: sort.rsplit_once('#')?.0.to_owned() })
}

/// The values that the index `listing` or `user` puts in order.
pub(super) fn position(position: &Position) -> AttributeValue {
    bytes(position.as_bytes())
}

fn relation(tenant: &Name, kind: &Name, of: &Id) -> String {
    format!("{tenant}#{kind}#{of}")
}

fn item(pk: String, sk: String) -> Item {
    HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

/// FNV-1a: which of `shards` parts an id belongs to. Stored entries depend on it; never change it.
fn shard(id: &[u8], shards: u16) -> u16 {
    let hash = id.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    // The low bits of FNV are weak for short inputs; the fold brings the high ones in.
    u16::try_from((hash ^ (hash >> 16)) % u32::from(shards)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn keys_read_back_as_what_they_were_written_from() {
        let key = TaskKey { tenant: name("acme"), id: Uuid::from_u128(7) };
        assert_eq!(task_pk(&key), "t#acme#00000000-0000-0000-0000-000000000007");
        assert_eq!(parse_due(&task_pk(&key)), Some(DueItem::Task(key.clone())));
        assert_eq!(log_pk(&key), "acme#00000000-0000-0000-0000-000000000007");

        let of = RecordKey { tenant: name("acme"), kind: name("message"), id: Id::new("m-1").unwrap() };
        let pk = record(&of).remove("pk").unwrap().as_s().unwrap().clone();
        assert_eq!(pk, "r#acme#message#m-1");
        assert_eq!(parse_due(&pk), Some(DueItem::Record(of.clone())));

        let to = Relation { of: Id::new("c:1").unwrap(), sort: String::new() };
        let (p, ps) = relation_values(&of, &to);
        assert_eq!((p.as_str(), ps.as_str()), ("acme#message#c:1", "#m-1"));
        assert_eq!(parse_relation(&p, &ps), Some(to));

        let l = listing(&name("acme"), &name("p"), &name("q"), Bucket::Open, 3);
        assert_eq!(l, "acme/p/q#open#3");
        assert_eq!(parse_listing(&l), Some((name("p"), name("q"))));
        for (shard, u) in [(0, "acme#ada"), (7, "acme#ada#7")] {
            assert_eq!((user(&name("acme"), &Id::of("ada"), shard).as_str(), parse_user(u)), (u, Some(Id::of("ada"))));
        }
        assert_eq!(parse_due("t#acme"), None);

        let places = [(1_700_000_000_123, 7), (1_700_000_000_123, 8), (1_700_000_000_124, 1)];
        let places = places.map(|(ms, id)| Position::new(0, Timestamp::from_millis(ms), Uuid::from_u128(id)));
        let texts = places.map(|place| child(&place));
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts.map(|text| parse_child(&text)), places.map(Some));
    }

    #[test]
    fn ids_spread_over_all_shards() {
        for shards in [8, 16, 32, 64] {
            let mut counts = vec![0; usize::from(shards)];
            (0..12_800).for_each(|_| counts[usize::from(shard(errand::spi::ids::fresh().as_bytes(), shards))] += 1);
            assert!(counts.iter().all(|n| *n > 6400 / i32::from(shards)), "{counts:?}");
        }
        // Stored keys depend on these.
        assert_eq!((shard(b"a", 16), shard(&[7; 16], 16), shard(&[7; 16], 8)), (0, 14, 6));
    }
}
