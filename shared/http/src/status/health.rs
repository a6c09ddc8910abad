//! `GET /v1/health`: whether Errand can do its work, and that it does.

use std::time::Duration;

use crate::{Answer, ApiError, Request};
use errand::{
    App, Timestamp,
    spi::{
        attended::{self, Unattended},
        outbox::{self, Owed, OwedToWebhook},
        poller::{LastPoll, last_poll},
        redact::chain,
        registry::LeftAlone,
        store::StatsScope,
    },
};
use serde::Serialize;

use super::stats::Counted;

/// A poller that left no word for so long does not poll: it does every minute.
const POLLER_SILENT: Duration = Duration::from_secs(180);

/// When to ask again whether it can.
const ASK_AGAIN_S: u64 = 5;

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Health {
    status: &'static str,
    version: &'static str,
    store: Part,
    queue: Part,
    /// The task types whose targets have too much to do, or do not answer, and are left alone: those that the caller has, or
    /// all where it may ask for every tenant; null if that cannot be told.
    left_alone: Option<Vec<LeftAlone>>,
    /// Tasks that are due, of types that no worker has asked for in ten minutes: the caller's, or all; null if that cannot be
    /// told.
    unattended: Option<Vec<Unattended>>,
    /// What all tenants' tasks are like: absent where a token says who asks.
    #[serde(flatten)]
    work: Option<Work>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Work {
    last_poll: Option<LastPoll>,
    /// The earliest `run_at` of the pending tasks that are due; null if none is.
    oldest_due_at: Option<Timestamp>,
    /// What webhooks have not taken yet, all together; null if that cannot be told.
    owed: Option<Owed>,
    /// What each webhook that a tenant has named has not taken yet, if it is anything; null if that cannot be told.
    webhooks: Option<Vec<OwedToWebhook>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<Counted>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Part {
    reachable: bool,
    /// The number of the newest change of the database file's shape; absent where there are no such.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// 200 if the store and the queues answer and the poller polls, else 503; never a credential. Whoever may ask for
/// all tenants hears of their tasks; others, which of their own nobody does.
pub(crate) async fn answer(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let store = Part { schema_version: app.store.schema_version(), ..Part::of(app.store.check().await) };
    let queue = Part::of(app.queue.check().await);
    let last_poll = last_poll(app).await.ok().flatten();
    let now = app.clock.now();
    // None at all is a new installation's.
    let polled = last_poll.as_ref().is_none_or(|last| now.since(last.at) < POLLER_SILENT);
    let healthy = store.reachable && queue.reachable && polled;
    let of = Some(&request.caller.tenant).filter(|_| !request.caller.trusted);
    let health = Health {
        status: if healthy { "ok" } else { "unavailable" },
        version: env!("CARGO_PKG_VERSION"),
        store,
        queue,
        left_alone: app.left_alone(of).await.ok(),
        unattended: attended::unattended(app, of).await.ok(),
        work: if request.caller.trusted { Some(Work::of(app, last_poll, now).await) } else { None },
    };
    let answer = Answer::json(if healthy { 200 } else { 503 }, &health);
    Ok(Answer { retry_after_s: (!healthy).then_some(ASK_AGAIN_S), ..answer })
}

impl Work {
    async fn of(app: &App, last_poll: Option<LastPoll>, now: Timestamp) -> Self {
        Self {
            last_poll,
            oldest_due_at: app.store.oldest_due(&StatsScope::All, now).await.ok().flatten(),
            owed: outbox::owed(app).await.ok(),
            webhooks: outbox::owed_by_webhook(app).await.ok(),
            tasks: app.store.stats(&StatsScope::All, now).await.ok().map(|stats| Counted::of(&stats, now)),
        }
    }
}

impl Part {
    fn of<E: std::error::Error>(checked: Result<(), E>) -> Self {
        let error = checked.err().map(|error| chain(&error));
        Self { reachable: error.is_none(), schema_version: None, error }
    }
}
