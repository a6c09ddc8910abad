//! Gives each webhook that a tenant has named its own backlog of what was told: one commit for some events, the items of
//! all webhooks and how far that is. So a crash gives nothing twice, and the list waits for nobody.

use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tracing::warn;

use crate::{
    app::App,
    clock::Timestamp,
    event::Published,
    ids::{self, Name},
    outbox::{
        give::Given,
        hook::{self, Hook},
        list::published,
        patch,
    },
    redact::chain,
    store::{self, Commit, Doc, Patch, Record, RecordWrite, StoreError},
};

/// How many tenants are looked after at a time.
const TENANTS: usize = 100;

/// How many events of a tenant are read at a time, and how often in one run.
const WINDOW: usize = 100;
const ROUNDS: usize = 20;

/// How long a place that is missing is waited for: the index that the list is read by may lag. Afterwards its event has
/// been removed.
const LAGS: Duration = Duration::from_secs(60);

/// Gives all tenants' webhooks what was told since.
pub(super) async fn fan_out(app: &App) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = hook::fans(app, after.as_deref(), TENANTS).await?;
        let given = join_all(page.items.into_iter().map(|fan| of_tenant(app, fan))).await;
        if let Some(problem) = given.into_iter().find_map(Result::err) {
            warn!(error = %chain(&problem), "what was told was not given to webhooks; the next run goes on");
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn of_tenant(app: &App, fan: Record) -> Result<(), StoreError> {
    let Ok(tenant) = Name::new(fan.key.id.as_str()) else { return Ok(()) };
    let hooks = hook::webhooks(app, &tenant).await?;
    if hooks.is_empty() {
        return commit(app, vec![hook::has_none(&fan, app.clock.now())]).await.map(drop);
    }
    let mut fan = fan;
    for _ in 0..ROUNDS {
        let after = fan.doc.get("after").and_then(Value::as_str).map(str::to_owned);
        let page = published(app, &tenant, after.as_deref(), WINDOW).await?;
        // Where the relay tells of ends, they are listed only because the bus was in trouble.
        let is_given = |event: &Published| app.listeners.bus.is_some() && event.is_of_a_task();
        let group = Group::of(&hooks, after.as_deref(), page.items, is_given, app.clock.now());
        let Some(place) = group.place.clone() else { return Ok(()) };
        let (version, full) = (ids::fresh(), group.is_cut);
        if !commit(app, group.writes(&fan, version, app.clock.now())).await? {
            return Ok(()); // somebody else does it, or a webhook was named meanwhile
        }
        fan.doc.insert("after".to_owned(), place.into());
        fan.version = version;
        if !full {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the commit was made, and nobody was faster.
async fn commit(app: &App, records: Vec<RecordWrite>) -> Result<bool, StoreError> {
    match store::commit(&*app.store, Commit { records, ..Commit::default() }).await {
        Err(StoreError::Conflict { .. }) => Ok(false),
        made => made.map(|()| true),
    }
}

/// Some events that follow one another, and what webhooks are given of them.
#[derive(Default)]
struct Group<'h> {
    given: Given<'h>,
    /// The place of the last.
    place: Option<String>,
    /// Whether there may be more behind it.
    is_cut: bool,
}

impl<'h> Group<'h> {
    /// Of as many of `events`, which follow the place `after`, as go into one commit. What `is_given` is passed over.
    fn of(
        hooks: &'h [Hook],
        after: Option<&str>,
        events: Vec<(Published, String)>,
        is_given: impl Fn(&Published) -> bool,
        now: Timestamp,
    ) -> Self {
        let mut group = Self { is_cut: events.len() >= WINDOW, ..Self::default() };
        let mut next = after.map_or(1, |after| number(after) + 1);
        for (event, place) in events {
            if number(&place) > next && event.told_at().is_some_and(|time| now.since(time) < LAGS) {
                group.is_cut = false;
                return group;
            }
            let fits = is_given(&event) || {
                let place = place.split('#').next().unwrap_or_default();
                group.given.add(hooks, &event, place, now)
            };
            if !fits {
                group.is_cut = true;
                return group;
            }
            next = number(&place) + 1;
            group.place = Some(place);
        }
        group
    }

    fn writes(self, fan: &Record, version: uuid::Uuid, now: Timestamp) -> Vec<RecordWrite> {
        let set = Doc::from_iter([("after".to_owned(), self.place.into())]);
        let RecordWrite::Patch { key, patch, expect, at, .. } = patch(fan, Patch { set, ..Patch::default() }, now)
        else {
            return Vec::new();
        };
        let moved = RecordWrite::Patch { key, patch, expect, version, at };
        [moved].into_iter().chain(self.given.writes(now)).collect()
    }
}

/// The number of a place.
fn number(place: &str) -> u64 {
    place.split('#').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
