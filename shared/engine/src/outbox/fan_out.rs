//! Gives each webhook that a tenant has named its own backlog of what was told: one commit for some events, the items of
//! all webhooks and how far that is. So a crash gives nothing twice, and the list waits for nobody.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use serde_json::Value;
use tracing::warn;

use crate::{
    app::App,
    clock::Timestamp,
    event::Published,
    ids::{self, Name},
    outbox::{
        backlog::owing,
        hook::{self, Hook},
        list::published,
        owed::more_owed,
        patch,
    },
    redact::chain,
    store::{self, COMMIT_BYTES, COMMIT_ITEMS, Commit, Doc, Expect, Patch, Record, RecordWrite, StoreError, doc_bytes},
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
        let group = Group::of(&hooks, after.as_deref(), page.items, app.clock.now());
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

/// Some events that follow one another, and what webhooks are owed of them.
#[derive(Default)]
struct Group<'h> {
    items: Vec<RecordWrite>,
    owed: BTreeMap<&'h str, (&'h Hook, i64)>,
    /// The place of the last.
    place: Option<String>,
    /// Whether there may be more behind it.
    is_cut: bool,
}

impl<'h> Group<'h> {
    /// Of as many of `events`, which follow the place `after`, as go into one commit.
    fn of(hooks: &'h [Hook], after: Option<&str>, events: Vec<(Published, String)>, now: Timestamp) -> Self {
        let (mut group, mut bytes) = (Self { is_cut: events.len() >= WINDOW, ..Self::default() }, 0);
        let mut next = after.map_or(1, |after| number(after) + 1);
        for (event, place) in events {
            let text = |field: &str| event.doc.get(field).and_then(Value::as_str).unwrap_or_default();
            let time = serde_json::from_value::<Timestamp>(text("time").into()).ok();
            if number(&place) > next && time.is_some_and(|time| now.since(time) < LAGS) {
                group.is_cut = false;
                return group;
            }
            let wanting: Vec<&Hook> = hooks.iter().filter(|hook| hook.wants(text("type"), time)).collect();
            bytes += wanting.len() * (doc_bytes(&event.doc) + 200);
            // Beside the items one for each outbox, and the tenant's own.
            let room = COMMIT_ITEMS - 1 - hooks.len();
            let is_full = group.items.len() + wanting.len() > room || bytes > COMMIT_BYTES - 100_000;
            if is_full && group.place.is_some() {
                group.is_cut = true;
                return group;
            }
            for hook in wanting {
                group.items.push(hook.backlog().item(&event, place.split('#').next().unwrap_or_default(), now));
                group.owed.entry(hook.id().as_str()).or_insert((hook, 0)).1 += 1;
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
        let outboxes = self.owed.into_values().map(|(hook, count)| RecordWrite::Patch {
            key: hook.backlog().key(),
            patch: Box::new(Patch { add: more_owed(count), owner: Some(Some(owing(now))), ..Patch::default() }),
            expect: Expect::Any,
            version: ids::fresh(),
            at: now,
        });
        [moved].into_iter().chain(outboxes).chain(self.items).collect()
    }
}

/// The number of a place.
fn number(place: &str) -> u64 {
    place.split('#').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
