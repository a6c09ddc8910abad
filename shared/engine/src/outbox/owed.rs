//! What webhooks are owed: counted, read and noted.

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    app::App,
    clock::Timestamp,
    event,
    ids::{self, Id, Name},
    outbox::{
        again,
        backlog::{Backlog, millis, outboxes, owing, was_refused},
        delivered, list, patch, unmet,
    },
    store::{
        self, Commit, Doc, Expect, Page, Patch, Record, RecordKey, RecordWrite, Related, Relation, RelationKind,
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

/// What one webhook has not taken yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct OwedToWebhook {
    /// Whose webhook it is.
    pub tenant: Name,
    /// What it is called.
    pub webhook: Id,
    /// How much it is.
    #[serde(flatten)]
    pub owed: Owed,
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
        let key = Backlog::of_the_installation(tenant).key();
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
    app.listeners.webhook.is_some() && !event::is_of_a_task(&event.doc)
}

/// So many more, or fewer.
pub(super) fn more_owed(by: i64) -> std::collections::BTreeMap<String, i64> {
    [("owed".to_owned(), by)].into()
}

/// The outboxes of the tenants that are owed something, who was served longest ago first.
pub(super) async fn tenants(app: &App, after: Option<&str>, limit: usize) -> Result<Page<Record, String>, StoreError> {
    let (tenant, of) = (Name::installation(), owing(Timestamp::default()).of);
    let related = Related { tenant, kind: outboxes(), by: RelationKind::Owner, of, newest_first: false };
    app.store.records(&related, after, limit).await
}

/// How many events `outbox` owes.
pub(super) fn count(outbox: &Record) -> u64 {
    outbox.doc.get("owed").and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// The first items of a backlog, in order; and the first refused ones, whose turn comes next first.
pub(super) async fn read(app: &App, backlog: &Backlog, limit: usize) -> Result<(Vec<Record>, Vec<Record>), StoreError> {
    let of = async |of: Id| {
        let (tenant, kind) = (backlog.tenant.clone(), backlog.kind());
        let related = Related { tenant, kind, by: RelationKind::Parent, of, newest_first: false };
        Ok::<_, StoreError>(app.store.records(&related, None, limit).await?.items)
    };
    Ok((of(backlog.waiting("").of).await?, of(backlog.refused(Timestamp::default()).of).await?))
}

/// Notes what a webhook answered to these items of its backlog, in one commit. What somebody else has noted meanwhile is
/// left as that says.
pub(super) async fn note(
    app: &App,
    backlog: &Backlog,
    mut answered: Vec<(Record, Answered)>,
) -> Result<(), StoreError> {
    let key = backlog.key();
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
        let events = answered.iter().map(|(event, answered)| patch(event, noted(backlog, event, *answered, now), now));
        let records = std::iter::once(served).chain(events).collect();
        match store::commit(&*app.store, Commit { records, ..Commit::default() }).await {
            Err(StoreError::Conflict { parts }) => unmet(&mut answered, 1, &parts),
            noted => return noted,
        }
        if answered.is_empty() {
            return Ok(());
        }
    }
    Err(StoreError::Busy)
}

fn noted(backlog: &Backlog, item: &Record, answered: Answered, now: Timestamp) -> Patch {
    let until = again(item, now);
    let place = item.parent.as_ref().and_then(|owed| owed.sort.split('.').next()).unwrap_or_default();
    let parent = match answered {
        // Where the event itself is the item, it stays listed.
        Answered::Taken if backlog.webhook.is_none() => return delivered(now),
        Answered::Taken => return Patch { parent: Some(None), expires_at: Some(now), ..Patch::default() },
        Answered::Failed if !was_refused(item) => backlog.waiting(&format!("{place}.{}", millis(until))),
        Answered::Failed | Answered::Refused => backlog.refused(until),
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

/// What webhooks are owed in all.
pub async fn owed(app: &App) -> Result<Owed, StoreError> {
    let all = owed_each(app).await?;
    Ok(Owed {
        events: all.iter().map(|(_, owed)| owed.events).sum(),
        since: all.iter().filter_map(|(_, owed)| owed.since).min(),
    })
}

/// What each webhook that a tenant has named is owed, if it is.
pub async fn owed_by_webhook(app: &App) -> Result<Vec<OwedToWebhook>, StoreError> {
    let named = |(Backlog { tenant, webhook }, owed)| Some(OwedToWebhook { tenant, webhook: webhook?, owed });
    Ok(owed_each(app).await?.into_iter().filter_map(named).collect())
}

async fn owed_each(app: &App) -> Result<Vec<(Backlog, Owed)>, StoreError> {
    let owing = tenants(app, None, TOLD.0).await?.items.into_iter().filter(|outbox| count(outbox) > 0);
    let owing = owing.filter_map(|outbox| Some((Backlog::of(&outbox)?, count(&outbox)))).enumerate();
    let owed = owing.map(async |(n, (backlog, events))| {
        let (waiting, refused) = if n < TOLD.1 { read(app, &backlog, REFUSED).await? } else { Default::default() };
        let since = waiting.first().into_iter().chain(&refused).map(|item| item.created_at).min();
        Ok::<_, StoreError>((backlog, Owed { events, since }))
    });
    try_join_all(owed).await
}
