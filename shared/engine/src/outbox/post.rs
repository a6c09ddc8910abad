//! Offers the webhook what it is owed, many at a time, tenants taking turns.

use std::{collections::HashSet, time::Duration};

use futures::{StreamExt, future::try_join_all, stream::FuturesUnordered};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    app::App,
    clock::Timestamp,
    ids::Name,
    listener::WEBHOOK_TIMEOUT,
    outbox::{
        DeliveryError,
        lanes::{Lanes, Width},
        owed::{self, Answered},
    },
    redact::chain,
    store::{Record, StoreError},
};

/// How long a run goes on that has no deadline: then whoever runs it looks whether it is to stop.
const BUDGET: Duration = Duration::from_secs(2);

/// How many tenants take turns at a time.
const TENANTS: usize = 10;

/// How many of a tenant's answers are noted in one commit. A crash offers as many again, and what was under way.
const NOTED: usize = 50;

/// What a run of posting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// Events that the webhook took.
    pub taken: usize,
    /// Events that it refused.
    pub refused: usize,
    /// Events that it did not answer to as a webhook that works.
    pub failed: usize,
}

/// Offers the webhook what it is owed until that is done, it does not work, or `deadline` comes. What was not taken
/// waits for as long as it has waited already; what was not offered waits for nothing but the next run. A crash
/// offers some again, with the same ids.
pub(crate) async fn post(app: &App, deadline: Option<Timestamp>) -> Posted {
    let Some(_turn) = app.listeners.turn() else { return Posted::default() };
    let until = deadline.map_or(app.clock.now() + BUDGET, |at| at - WEBHOOK_TIMEOUT);
    let mut run = Run { until, width: Width::first(), posted: Posted::default(), noted: HashSet::new(), first: None };
    if let Err(problem) = run.sweep(app).await {
        warn!(error = %chain(&problem), "what the webhook is owed could not be read or noted; the next run goes on");
    }
    let Posted { taken, refused, failed } = run.posted;
    if let Some(first) = run.first {
        warn!(taken, refused, failed, error = %chain(&first), "the webhook did not take events; they are offered again");
    } else if taken > 0 {
        info!(taken, "the webhook took events");
    }
    run.posted
}

struct Run {
    until: Timestamp,
    width: Width,
    posted: Posted,
    /// The versions of events that were answered: an index may show them as they were.
    noted: HashSet<Uuid>,
    /// The first that was not taken.
    first: Option<DeliveryError>,
}

impl Run {
    /// Goes round the tenants that are owed something until nothing of theirs is left to be offered.
    async fn sweep(&mut self, app: &App) -> Result<(), StoreError> {
        let (mut after, mut idle) = (None, true);
        while self.width.posts() > 0 && app.clock.now() < self.until {
            let page = owed::tenants(app, after.as_deref(), TENANTS).await?;
            idle &= !self.round(app, &page.items).await?;
            after = page.next;
            if after.is_none() {
                if idle {
                    break;
                }
                idle = true;
            }
        }
        Ok(())
    }

    /// Offers what some tenants are owed first; whether there was anything to offer.
    async fn round(&mut self, app: &App, outboxes: &[Record]) -> Result<bool, StoreError> {
        let (owing, settled): (Vec<&Record>, Vec<&Record>) = outboxes.iter().partition(|o| owed::count(o) > 0);
        try_join_all(settled.into_iter().map(|outbox| owed::settled(app, outbox))).await?;
        let tenants: Vec<Name> = owing.into_iter().filter_map(owed::tenant_of).collect();
        let read = try_join_all(tenants.iter().map(|tenant| owed::read(app, tenant, owed::WINDOW))).await?;
        let fresh = |events: Vec<Record>| events.into_iter().filter(|e| !self.noted.contains(&e.version)).collect();
        let read = read.into_iter().map(|(waiting, refused)| (fresh(waiting), fresh(refused))).collect();
        let mut lanes = Lanes::of(read, app.clock.now());
        let mut answers: Vec<Vec<(Record, Answered)>> = vec![Vec::new(); tenants.len()];
        let mut offered = false;
        let mut flying = FuturesUnordered::new();
        loop {
            while flying.len() < self.width.posts()
                && app.clock.now() < self.until
                && let Some((tenant, mut lane)) = lanes.next()
                && let Some(event) = lane.pop_front()
            {
                flying.push(async move { (tenant, lane, offer(app, &event).await, event) });
            }
            let Some((tenant, mut lane, sent, event)) = flying.next().await else { break };
            offered = true;
            let answered = self.hear(sent);
            if answered == Answered::Failed {
                lane.clear(); // those behind it wait with it
            }
            lanes.back(tenant, lane);
            self.noted.insert(event.version);
            let (Some(name), Some(group)) = (tenants.get(tenant), answers.get_mut(tenant)) else { continue };
            group.push((event, answered));
            if group.len() >= NOTED {
                owed::note(app, name, std::mem::take(group)).await?;
            }
        }
        let left = tenants.iter().zip(answers).filter(|(_, group)| !group.is_empty());
        try_join_all(left.map(|(tenant, group)| owed::note(app, tenant, group))).await?;
        Ok(offered)
    }

    /// Counts an answer, and says what it is.
    fn hear(&mut self, sent: Result<(), DeliveryError>) -> Answered {
        let answered = match &sent {
            Ok(()) => Answered::Taken,
            Err(problem) if problem.is_refusal() => Answered::Refused,
            Err(_) => Answered::Failed,
        };
        match answered {
            Answered::Taken => self.posted.taken += 1,
            Answered::Refused => self.posted.refused += 1,
            Answered::Failed => self.posted.failed += 1,
        }
        self.width = self.width.after(answered != Answered::Failed);
        self.first = self.first.take().or(sent.err());
        answered
    }
}

/// Posts an event. Where there is no webhook any more, nothing is owed to it.
async fn offer(app: &App, event: &Record) -> Result<(), DeliveryError> {
    match &app.listeners.webhook {
        Some(webhook) => super::tell(&**webhook, std::slice::from_ref(event)).await.into_iter().collect(),
        None => Ok(()),
    }
}
