//! What the webhook is owed: of each tenant an outbox, and the events that stand in its backlog.
//!
//! | record | parent, in the order of | owner, in the order of |
//! |---|---|---|
//! | `outbox`, one of each tenant, `_errand`'s | – | what is owed at all, when it was last served |
//! | `event` that is owed | its tenant's backlog, its place, then from when it may be offered again | the list, its place |
//! | `event` that was refused | what was refused, from when it may be offered again | the list, its place |

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    app::App,
    clock::Timestamp,
    event::kind,
    ids::{self, Id, Name},
    outbox::{again, delivered, list, patch},
    store::{
        self, Commit, Doc, Expect, Page, Part, Patch, Record, RecordKey, RecordWrite, Related, Relation, RelationKind,
        StoreError,
    },
};

/// How many events of a tenant are looked at at a time.
pub(super) const WINDOW: usize = 100;

/// How often the answers of a webhook are noted in all while others note, too.
const TRIES: u32 = 10;

/// Of how many tenants it is told how much they are owed, and since when. Those served longest ago are among them.
const TOLD: (usize, usize) = (1000, 100);

/// How many refused events of a tenant are looked at for the oldest.
const REFUSED: usize = 10;

/// What a webhook has answered to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// It took it.
    Taken,
    /// It works, and does not want this event.
    Refused,
    /// It does not work, or not with this event.
    Failed,
}

/// How much the webhook has not taken yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Owed {
    /// How many listed events.
    pub events: u64,
    /// When the oldest of them was made, of each tenant's first ones; null if none is owed.
    pub since: Option<Timestamp>,
}

/// A tenant's outbox: the last place of its list and how much of that the webhook is owed. It never expires: events do,
/// and readers' cursors must not begin again.
pub(super) struct Outbox {
    key: RecordKey,
    there: Option<Record>,
    /// The last place that was given.
    pub(super) last: u64,
}

impl Outbox {
    /// `tenant`'s. Without one, as an older version left it, the newest event tells the last place.
    pub(super) async fn read(app: &App, tenant: &Name) -> Result<Self, StoreError> {
        let key = RecordKey { tenant: Name::installation(), kind: outboxes(), id: Id::from(tenant) };
        let there = app.store.record(&key).await?;
        let last = match there.as_ref().and_then(|outbox| outbox.doc.get("last")?.as_u64()) {
            Some(last) => last,
            None => list::newest(app, tenant).await?,
        };
        Ok(Self { key, there, last })
    }

    /// The same with `listed` places more, `owed` of them for the webhook.
    pub(super) fn grown(&self, listed: usize, owed: usize, now: Timestamp) -> RecordWrite {
        let last = self.last + listed as u64;
        let begins = |there: Option<&Relation>| (owed > 0 && there.is_none()).then(|| owing(now));
        match &self.there {
            None => {
                let doc = Doc::from_iter([("last".to_owned(), json!(last)), ("owed".to_owned(), json!(owed))]);
                let record = Record { owner: begins(None), ..Record::new(self.key.clone(), doc, now) };
                RecordWrite::Put { record: Box::new(record), expect: Expect::Absent }
            }
            Some(there) => {
                let set = Doc::from_iter([("last".to_owned(), json!(last))]);
                let owner = begins(there.owner.as_ref()).map(Some);
                patch(
                    there,
                    Patch { set, add: more_owed(owed.try_into().unwrap_or(0)), owner, ..Patch::default() },
                    now,
                )
            }
        }
    }
}

/// Whether the webhook is to hear of `event`. Changes of tasks are in the outbox only while the bus is in trouble: not
/// what a webhook hears of.
pub(super) fn is_for_the_webhook(app: &App, event: &Record) -> bool {
    app.listeners.webhook.is_some() && !event.doc.contains_key("new_status")
}

/// That the webhook is owed the event with this place.
pub(super) fn waiting(place: &str) -> Relation {
    Relation { of: Id::from(ids::derived(&["owed"])), sort: place.to_owned() }
}

fn refused(until: Timestamp) -> Relation {
    Relation { of: Id::from(ids::derived(&["refused"])), sort: millis(until) }
}

/// That a tenant is owed something, and was served last at this time.
fn owing(served: Timestamp) -> Relation {
    Relation { of: Id::from(ids::derived(&["owing"])), sort: millis(served) }
}

fn outboxes() -> Name {
    Name::of("outbox")
}

fn millis(at: Timestamp) -> String {
    format!("{:015}", at.as_millis())
}

fn more_owed(by: i64) -> std::collections::BTreeMap<String, i64> {
    [("owed".to_owned(), by)].into()
}

/// The outboxes of the tenants that are owed something, who was served longest ago first.
pub(super) async fn tenants(app: &App, after: Option<&str>, limit: usize) -> Result<Page<Record, String>, StoreError> {
    let (tenant, of) = (Name::installation(), owing(Timestamp::default()).of);
    let related = Related { tenant, kind: outboxes(), by: RelationKind::Owner, of, newest_first: false };
    app.store.records(&related, after, limit).await
}

/// Whose outbox it is.
pub(super) fn tenant_of(outbox: &Record) -> Option<Name> {
    Name::new(outbox.key.id.as_str()).ok()
}

/// How many events `outbox` owes.
pub(super) fn count(outbox: &Record) -> u64 {
    outbox.doc.get("owed").and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// The first events that `tenant` is owed, in order; and the first refused ones, whose turn comes next first.
pub(super) async fn read(app: &App, tenant: &Name, limit: usize) -> Result<(Vec<Record>, Vec<Record>), StoreError> {
    let of = async |of: Id| {
        let related =
            Related { tenant: tenant.clone(), kind: kind(), by: RelationKind::Parent, of, newest_first: false };
        Ok::<_, StoreError>(app.store.records(&related, None, limit).await?.items)
    };
    Ok((of(waiting("").of).await?, of(refused(Timestamp::default()).of).await?))
}

/// From when an owed event may be offered.
pub(super) fn offered_from(event: &Record) -> Timestamp {
    let until = event.parent.as_ref().and_then(|owed| match was_refused(event) {
        true => owed.sort.parse().ok(),
        false => owed.sort.split_once('.')?.1.parse().ok(),
    });
    Timestamp::from_millis(until.unwrap_or(0))
}

fn was_refused(event: &Record) -> bool {
    event.parent.as_ref().is_some_and(|owed| owed.of == refused(Timestamp::default()).of)
}

/// Notes what the webhook answered to these events of `tenant`'s, in one commit. What somebody else has noted
/// meanwhile is left as that says.
pub(super) async fn note(app: &App, tenant: &Name, mut answered: Vec<(Record, Answered)>) -> Result<(), StoreError> {
    let key = RecordKey { tenant: Name::installation(), kind: outboxes(), id: Id::from(tenant) };
    for _ in 0..TRIES {
        let now = app.clock.now();
        let taken = answered.iter().filter(|(_, answered)| *answered == Answered::Taken).count();
        // Who was served goes behind the others.
        let owner = Some(Some(owing(now)));
        let served = Patch { add: more_owed(-i64::try_from(taken).unwrap_or(0)), owner, ..Patch::default() };
        let served = RecordWrite::Patch {
            key: key.clone(),
            patch: Box::new(served),
            expect: Expect::Any,
            version: ids::fresh(),
            at: now,
        };
        let events = answered.iter().map(|(event, answered)| patch(event, noted(event, *answered, now), now));
        let records = std::iter::once(served).chain(events).collect();
        match store::commit(&*app.store, Commit { records, ..Commit::default() }).await {
            Err(StoreError::Conflict { parts }) => {
                let mut place = 0;
                answered.retain(|_| {
                    place += 1;
                    !parts.contains(&Part::Record(place))
                });
            }
            noted => return noted,
        }
        if answered.is_empty() {
            return Ok(());
        }
    }
    Err(StoreError::Busy)
}

fn noted(event: &Record, answered: Answered, now: Timestamp) -> Patch {
    let until = again(event, now);
    let place = event.owner.as_ref().map_or("", |place| &place.sort);
    let parent = match answered {
        Answered::Taken => return delivered(now),
        Answered::Failed if !was_refused(event) => waiting(&format!("{place}.{}", millis(until))),
        Answered::Failed | Answered::Refused => refused(until),
    };
    Patch { parent: Some(Some(parent)), ..Patch::default() }
}

/// Notes that `outbox` owes nothing, if that is still so.
pub(super) async fn settled(app: &App, outbox: &Record) -> Result<(), StoreError> {
    let settled = patch(outbox, Patch { owner: Some(None), ..Patch::default() }, app.clock.now());
    match store::commit(&*app.store, Commit { records: vec![settled], ..Commit::default() }).await {
        Err(StoreError::Conflict { .. }) => Ok(()),
        settled => settled,
    }
}

/// What the webhook is owed in all.
pub async fn owed(app: &App) -> Result<Owed, StoreError> {
    let owing: Vec<Record> = tenants(app, None, TOLD.0).await?.items.into_iter().filter(|o| count(o) > 0).collect();
    let oldest = owing.iter().take(TOLD.1).filter_map(tenant_of).map(async |tenant| {
        let (waiting, refused) = read(app, &tenant, REFUSED).await?;
        Ok::<_, StoreError>(waiting.first().into_iter().chain(&refused).map(|event| event.created_at).min())
    });
    let since = try_join_all(oldest).await?.into_iter().flatten().min();
    Ok(Owed { events: owing.iter().map(count).sum(), since })
}
