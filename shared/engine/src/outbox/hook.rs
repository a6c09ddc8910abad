//! Webhooks that tenants name: where each is, what it wants to hear of, and the secret it knows.
//!
//! | record | parent | owner |
//! |---|---|---|
//! | `webhook`, of its tenant | the tenant's webhooks, its id | – |
//! | `webhooks`, one of each tenant that has some, `_errand`'s | – | who has some, the tenant |

mod acts;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use acts::{name_webhook, remove_webhook, renew_secret};

use crate::{
    app::App,
    clock::Timestamp,
    event::{EventTypes, Published},
    ids::{self, Id, Name},
    listener::NotTaken,
    outbox::{
        backlog::{Backlog, event_of},
        patch,
    },
    store::{
        self, Commit, Doc, Page, Patch, Record, RecordKey, RecordWrite, Related, Relation, RelationKind, StoreError,
    },
};

/// The most webhooks that a tenant may have: what all of them are owed of one event goes into one commit.
pub const MOST_WEBHOOKS: usize = 10;

/// A webhook of a tenant's.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its record, as it was read.
    pub record: Record,
    /// What it says.
    pub says: HookDoc,
}

/// What a webhook's record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookDoc {
    /// Where it is.
    pub url: String,
    /// What it wants to hear of.
    pub types: EventTypes,
    /// The secret that signs what it is told, sealed.
    secret: String,
    /// Since when and why it is told nothing, if it is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<Off>,
}

/// That a webhook is switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Off {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What came of naming a webhook.
#[derive(Debug)]
pub enum Named {
    /// There was none of this id; its secret is shown this once.
    New(Hook, String),
    /// There was one: it is as it is asked for now, switched on, and knows the secret it knew.
    Changed(Hook),
    /// There are as many as a tenant may have.
    TooMany,
}

impl Hook {
    fn of(record: Record) -> Option<Self> {
        let says = serde_json::from_value(Value::Object(record.doc.clone())).ok()?;
        record.parent.is_some().then_some(Self { record, says })
    }

    /// What it is called.
    pub fn id(&self) -> &Id {
        &self.record.key.id
    }

    /// The secret that signs what it is told, as it is kept.
    pub fn sealed(&self) -> &str {
        &self.says.secret
    }

    /// Whether it is to hear of this event.
    pub(super) fn wants(&self, event: &Published) -> bool {
        let event_type = event.doc.get("type").and_then(Value::as_str).unwrap_or_default();
        let since = self.record.created_at;
        let is_new = event.told_at().is_none_or(|time| time >= since);
        self.says.off.is_none() && self.says.types.contain(event_type) && is_new
    }

    pub(super) fn backlog(&self) -> Backlog {
        Backlog { tenant: self.record.key.tenant.clone(), webhook: Some(self.id().clone()) }
    }

    /// Posts an item's event to it. One that is gone is switched off.
    pub(super) async fn offer(&self, app: &App, item: &Record) -> Result<(), NotTaken> {
        let Some(webhooks) = &app.listeners.webhooks else { return Err(NotTaken::NotAsked) };
        let event = event_of(item);
        let sent = webhooks.post(&self.record.key, &self.says.url, &self.says.secret, &event).await;
        if matches!(sent, Err(NotTaken::Gone)) {
            self.switch_off(app, "it answered 410").await;
        }
        sent
    }

    async fn switch_off(&self, app: &App, reason: &str) {
        let now = app.clock.now();
        let off = serde_json::to_value(Off { at: now, reason: reason.to_owned() }).unwrap_or_default();
        let set = Doc::from_iter([("off".to_owned(), off)]);
        let off = patch(&self.record, Patch { set, ..Patch::default() }, now);
        match store::commit(&*app.store, Commit { records: vec![off], ..Commit::default() }).await {
            Ok(()) => {
                tracing::warn!(webhook = %self.id(), tenant = %self.record.key.tenant, reason, "a webhook is switched off")
            }
            // It was named anew meanwhile, or is gone again with the next event.
            Err(problem) => tracing::info!(error = %problem, "a webhook was not switched off"),
        }
    }
}

/// The kind of webhooks' records.
fn kind() -> Name {
    Name::of("webhook")
}

fn key(tenant: &Name, id: &Id) -> RecordKey {
    RecordKey { tenant: tenant.clone(), kind: kind(), id: id.clone() }
}

fn of_tenant(id: &Id) -> Relation {
    Relation { of: Id::from(ids::derived(&["webhooks"])), sort: id.to_string() }
}

/// The record that says a tenant has webhooks, and up to where they are owed what was told.
fn fan_key(tenant: &Name) -> RecordKey {
    RecordKey { tenant: Name::installation(), kind: Name::of("webhooks"), id: Id::from(tenant) }
}

fn having() -> Relation {
    Relation { of: Id::from(ids::derived(&["having webhooks"])), sort: String::from("0") }
}

/// The webhook `id` of `tenant`.
pub async fn webhook(app: &App, tenant: &Name, id: &Id) -> Result<Option<Hook>, StoreError> {
    Ok(app.store.record(&key(tenant, id)).await?.and_then(Hook::of))
}

/// All webhooks of `tenant`, by id.
pub async fn webhooks(app: &App, tenant: &Name) -> Result<Vec<Hook>, StoreError> {
    let (tenant, of) = (tenant.clone(), of_tenant(&Id::of("-")).of);
    let related = Related { tenant, kind: kind(), by: RelationKind::Parent, of, newest_first: false };
    let page = app.store.records(&related, None, 2 * MOST_WEBHOOKS).await?;
    Ok(page.items.into_iter().filter_map(Hook::of).collect())
}

/// The records of tenants that have webhooks.
pub(super) async fn fans(app: &App, after: Option<&str>, limit: usize) -> Result<Page<Record, String>, StoreError> {
    let (tenant, of) = (Name::installation(), having().of);
    let related = Related { tenant, kind: Name::of("webhooks"), by: RelationKind::Owner, of, newest_first: false };
    app.store.records(&related, after, limit).await
}

/// Whether `tenant` has webhooks, or had some until a moment ago.
pub(super) async fn has_webhooks(app: &App, tenant: &Name) -> Result<bool, StoreError> {
    Ok(app.store.record(&fan_key(tenant)).await?.is_some_and(|fan| fan.owner.is_some()))
}

/// That a tenant has webhooks no more, if that is still so.
pub(super) fn has_none(fan: &Record, now: Timestamp) -> RecordWrite {
    patch(fan, Patch { owner: Some(None), ..Patch::default() }, now)
}
