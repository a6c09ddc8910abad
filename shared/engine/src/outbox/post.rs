//! Offers webhooks what they are owed, many at a time, tenants taking turns.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures::{StreamExt, future::try_join_all, stream::FuturesUnordered};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    app::App,
    clock::Timestamp,
    ids::{Id, Name},
    listener::{NotTaken, WEBHOOK_TIMEOUT},
    outbox::{
        DeliveryError,
        backlog::Backlog,
        fan_out::fan_out,
        hook::{self, Hook},
        lanes::{Lanes, Width},
        owed::{self, Answered},
    },
    redact::chain,
    store::{Record, StoreError},
};

/// How long a run goes on that has no deadline: then whoever runs it looks whether it is to stop.
const BUDGET: Duration = Duration::from_secs(2);

/// How many backlogs take turns at a time.
const TENANTS: usize = 10;

/// How many of a tenant's answers are noted in one commit. A crash offers as many again, and what was under way.
const NOTED: usize = 50;

/// What a run of posting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// Events that webhooks took.
    pub taken: usize,
    /// Events that they refused.
    pub refused: usize,
    /// Events that they did not answer to as webhooks that work.
    pub failed: usize,
}

/// Gives webhooks what was told since, and offers them what they are owed until that is done, none of them works, or
/// `deadline` comes. What was not taken waits for as long as it has waited already; what was not offered waits for nothing
/// but the next run. A crash offers some again, with the same ids.
pub(crate) async fn post(app: &App, deadline: Option<Timestamp>) -> Posted {
    let Some(_turn) = app.listeners.turn() else { return Posted::default() };
    let until = deadline.map_or(app.clock.now() + BUDGET, |at| at - WEBHOOK_TIMEOUT);
    if app.listeners.webhooks.is_some()
        && let Err(problem) = fan_out(app).await
    {
        warn!(error = %chain(&problem), "which webhooks there are could not be read; the next run goes on");
    }
    let (widths, noted) = (HashMap::new(), HashSet::new());
    let mut run = Run { until, widths, posted: Posted::default(), noted, first: None };
    if let Err(problem) = run.sweep(app).await {
        warn!(error = %chain(&problem), "what webhooks are owed could not be read or noted; the next run goes on");
    }
    let Posted { taken, refused, failed } = run.posted;
    if let Some(first) = run.first {
        warn!(taken, refused, failed, error = %chain(&first), "webhooks did not take events; they are offered again");
    } else if taken > 0 {
        info!(taken, "webhooks took events");
    }
    run.posted
}

struct Run {
    until: Timestamp,
    /// How many posts each webhook may have under way: the installation's, whoever's the events are, and each of a tenant's.
    widths: HashMap<Asked, Width>,
    posted: Posted,
    /// The versions of items that were answered: an index may show them as they were.
    noted: HashSet<Uuid>,
    /// The first that was not taken.
    first: Option<DeliveryError>,
}

/// Which webhook is asked: the installation's, or one of a tenant's.
type Asked = Option<(Name, Id)>;

/// A backlog that is served, and who is asked to take what stands in it.
struct Served {
    backlog: Backlog,
    hook: Option<Hook>,
    asked: Asked,
    answers: Vec<(Record, Answered)>,
}

impl Run {
    /// Goes round the backlogs in which something is owed until nothing is left to be offered.
    async fn sweep(&mut self, app: &App) -> Result<(), StoreError> {
        let (mut after, mut idle) = (None, true);
        while app.clock.now() < self.until {
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

    /// Offers what some backlogs owe first; whether there was anything to offer.
    async fn round(&mut self, app: &App, outboxes: &[Record]) -> Result<bool, StoreError> {
        let (owing, settled): (Vec<&Record>, Vec<&Record>) = outboxes.iter().partition(|o| owed::count(o) > 0);
        try_join_all(settled.into_iter().map(|outbox| owed::settled(app, outbox))).await?;
        let backlogs = owing.into_iter().filter_map(Backlog::of);
        let (mut served, read) = self.read(app, backlogs.collect()).await?;
        let mut lanes = Lanes::of(read, app.clock.now());
        let mut posts: HashMap<Asked, usize> = HashMap::new();
        let mut offered = false;
        let mut flying = FuturesUnordered::new();
        loop {
            while app.clock.now() < self.until
                && let Some((n, mut lane)) = lanes.next(|n| self.may_post(served.get(n), &posts))
                && let (Some(of), Some(item)) = (served.get(n), lane.pop_front())
            {
                *posts.entry(of.asked.clone()).or_default() += 1;
                let (hook, tenant) = (of.hook.clone(), of.backlog.webhook.is_some());
                flying.push(async move { (n, lane, offer(app, (hook, tenant), &item).await, item) });
            }
            let Some((n, mut lane, sent, item)) = flying.next().await else { break };
            offered = true;
            let Some(of) = served.get_mut(n) else { continue };
            posts.entry(of.asked.clone()).and_modify(|posts| *posts -= 1);
            let answered = self.hear(&of.asked, sent);
            if answered == Answered::Failed {
                lane.clear(); // those behind it wait with it
            }
            lanes.back(n, lane);
            self.noted.insert(item.version);
            of.answers.push((item, answered));
            if of.answers.len() >= NOTED {
                owed::note(app, &of.backlog, std::mem::take(&mut of.answers)).await?;
            }
        }
        let left = served.into_iter().filter(|of| !of.answers.is_empty());
        try_join_all(left.map(async |of| owed::note(app, &of.backlog, of.answers).await)).await?;
        Ok(offered)
    }

    /// Reads what stands first in these backlogs. Nothing is offered to a webhook that is switched off, or was given up.
    async fn read(&self, app: &App, backlogs: Vec<Backlog>) -> Result<(Vec<Served>, Vec<Items>), StoreError> {
        let read = backlogs.into_iter().map(async |backlog| {
            let asked = backlog.webhook.clone().map(|webhook| (backlog.tenant.clone(), webhook));
            let hook = match &backlog.webhook {
                Some(webhook) => hook::webhook(app, &backlog.tenant, webhook).await?,
                None => None,
            };
            let is_off = hook.as_ref().is_some_and(|hook| hook.says.off.is_some());
            let items = match is_off || self.width(&asked).posts() == 0 {
                true => Items::default(),
                false => owed::read(app, &backlog, owed::WINDOW).await?,
            };
            let fresh = |items: Vec<Record>| items.into_iter().filter(|e| !self.noted.contains(&e.version)).collect();
            let (waiting, refused) = items;
            Ok::<_, StoreError>((
                Served { backlog, hook, asked, answers: Vec::new() },
                (fresh(waiting), fresh(refused)),
            ))
        });
        Ok(try_join_all(read).await?.into_iter().unzip())
    }

    fn width(&self, asked: &Asked) -> Width {
        self.widths.get(asked).copied().unwrap_or(Width::first())
    }

    fn may_post(&self, of: Option<&Served>, posts: &HashMap<Asked, usize>) -> bool {
        of.is_some_and(|of| posts.get(&of.asked).copied().unwrap_or(0) < self.width(&of.asked).posts())
    }

    /// Counts an answer, and says what it is.
    fn hear(&mut self, asked: &Asked, sent: Result<(), DeliveryError>) -> Answered {
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
        let is_gone = matches!(sent, Err(DeliveryError::NotTaken { source: NotTaken::Gone, .. }));
        let width = if is_gone { Width::none() } else { self.width(asked).after(answered != Answered::Failed) };
        self.widths.insert(asked.clone(), width);
        self.first = self.first.take().or(sent.err());
        answered
    }
}

/// What waits in a backlog, and what was refused.
type Items = (Vec<Record>, Vec<Record>);

/// Posts an item's event, to a webhook of its tenant's or the installation's. Where there is none any more, nothing is
/// owed to it.
async fn offer(app: &App, (hook, of_tenant): (Option<Hook>, bool), item: &Record) -> Result<(), DeliveryError> {
    let not_taken = |source| DeliveryError::NotTaken { id: item.key.id.clone(), source };
    match (&app.listeners.webhook, hook) {
        (_, Some(hook)) => hook.offer(app, item).await.map_err(not_taken),
        (Some(webhook), None) if !of_tenant => {
            super::tell(&**webhook, std::slice::from_ref(item)).await.into_iter().collect()
        }
        (_, None) => Ok(()),
    }
}
