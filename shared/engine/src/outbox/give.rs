//! What webhooks are given of some events: each that wants one gets an item in its backlog, and is owed so much more.

use std::collections::BTreeMap;

use futures::future::join_all;

use crate::{
    app::App,
    clock::Timestamp,
    event::Published,
    ids::{self, Name},
    outbox::{
        backlog::owing,
        hook::{self, Hook},
        owed::more_owed,
        unmet,
    },
    store::{self, COMMIT_BYTES, COMMIT_ITEMS, Commit, Expect, Patch, RecordWrite, StoreError, doc_bytes},
};

/// How often some items are given in all, each time without those that are there already.
const TRIES: u32 = 10;

/// As much as goes into one commit.
#[derive(Default)]
pub(super) struct Given<'h> {
    items: Vec<(&'h Hook, RecordWrite)>,
    bytes: usize,
}

impl<'h> Given<'h> {
    /// Gives `event`, which stands at `place`, to those of `hooks` that want it; or not, if there is no room for it. There
    /// is for the first.
    pub(super) fn add(&mut self, hooks: &'h [Hook], event: &Published, place: &str, now: Timestamp) -> bool {
        let wanting: Vec<&Hook> = hooks.iter().filter(|hook| hook.wants(event)).collect();
        let bytes = self.bytes + wanting.len() * (doc_bytes(&event.doc) + 200);
        // Beside the items one write for each outbox, and one for whoever gives.
        let room = COMMIT_ITEMS - 1 - hooks.len();
        let is_full = self.items.len() + wanting.len() > room || bytes > COMMIT_BYTES - 100_000;
        if is_full && !self.items.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.items.extend(wanting.into_iter().map(|hook| (hook, hook.backlog().item(event, place, now))));
        true
    }

    /// The writes of the outboxes, and then of the items.
    pub(super) fn writes(&self, now: Timestamp) -> Vec<RecordWrite> {
        let mut owed: BTreeMap<&str, (&Hook, i64)> = BTreeMap::new();
        for (hook, _) in &self.items {
            owed.entry(hook.id().as_str()).or_insert((hook, 0)).1 += 1;
        }
        let outboxes = owed.into_values().map(|(hook, count)| RecordWrite::Patch {
            key: hook.backlog().key(),
            patch: Box::new(Patch { add: more_owed(count), owner: Some(Some(owing(now))), ..Patch::default() }),
            expect: Expect::Any,
            version: ids::fresh(),
            at: now,
        });
        outboxes.chain(self.items.iter().map(|(_, item)| item.clone())).collect()
    }

    /// Gives it, but for what was given before.
    async fn commit(mut self, app: &App) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            if self.items.is_empty() {
                return Ok(());
            }
            let records = self.writes(app.clock.now());
            let outboxes = records.len() - self.items.len();
            match store::commit(&*app.store, Commit { records, ..Commit::default() }).await {
                Err(StoreError::Conflict { parts }) => unmet(&mut self.items, outboxes, &parts),
                given => return given,
            }
        }
        Err(StoreError::Busy)
    }
}

/// Gives the ends of tasks to the webhooks that want them, each once however often it is told here. Beside each stands what
/// tells its place among those of its task: of two the later has the larger text, and no `.` in it. An error says which was
/// the first that was not given.
pub async fn give_ends(app: &App, ends: &[(Published, String)]) -> Result<(), (usize, StoreError)> {
    let mut by_tenant: BTreeMap<&Name, Vec<End<'_>>> = BTreeMap::new();
    for (at, (event, place)) in ends.iter().enumerate() {
        by_tenant.entry(&event.tenant).or_default().push(End { at, event, place });
    }
    let given = join_all(by_tenant.into_iter().map(|(tenant, ends)| of_tenant(app, tenant, ends))).await;
    given.into_iter().filter_map(Result::err).min_by_key(|(at, _)| *at).map_or(Ok(()), Err)
}

struct End<'e> {
    at: usize,
    event: &'e Published,
    place: &'e str,
}

async fn of_tenant(app: &App, tenant: &Name, ends: Vec<End<'_>>) -> Result<(), (usize, StoreError)> {
    let first = ends.first().map_or(0, |end| end.at);
    if !hook::has_webhooks(app, tenant).await.map_err(|problem| (first, problem))? {
        return Ok(());
    }
    let hooks = hook::webhooks(app, tenant).await.map_err(|problem| (first, problem))?;
    let (now, mut rest) = (app.clock.now(), ends.into_iter().peekable());
    while let Some(first) = rest.peek().map(|end| end.at) {
        let mut given = Given::default();
        // Behind what is listed, whose places are numbers.
        while rest.next_if(|end| given.add(&hooks, end.event, &format!("e{}", end.place), now)).is_some() {}
        given.commit(app).await.map_err(|problem| (first, problem))?;
    }
    Ok(())
}
