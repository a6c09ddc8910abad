//! A webhook, as it is asked for and shown.

use errand::{
    Id, Timestamp,
    spi::{
        event::EventTypes,
        outbox::{Hook, Off},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A webhook, as it is to be.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WebhookRequest {
    /// Where it is: at most 2,048 bytes. On AWS `https` and public; on one machine it may be on this one.
    #[schemars(length(max = 2048))]
    pub url: String,
    /// What it is told of: types of events, each whole (`task.failed`) or how it begins (`order.*`); all if absent.
    #[serde(default = "EventTypes::all")]
    pub types: EventTypes,
}

/// A webhook as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WebhookView {
    /// What it is called.
    pub id: Id,
    /// Where it is.
    pub url: String,
    /// What it is told of.
    pub types: EventTypes,
    /// Since when and why it is told nothing, if it is switched off: to put it again switches it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off: Option<Off>,
    /// Since when it is told.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What it checks signatures by: shown when it is new, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl WebhookView {
    /// The view of `hook`, whose secret is shown if it is given.
    pub fn of(hook: Hook, secret: Option<String>) -> Self {
        let Hook { record, says } = hook;
        Self {
            id: record.key.id,
            url: says.url,
            types: says.types,
            off: says.off,
            created_at: record.created_at,
            updated_at: record.updated_at,
            secret,
        }
    }
}
