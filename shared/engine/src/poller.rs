//! Looks after what is due: notifies tasks, reaps dead workers, sends owed dead letters, lists events and posts them.

mod duty;
mod last;
mod outlet;
mod report;
mod round;
mod tend;

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use tracing::{error, warn};

use duty::{Duty, duty};
pub use last::{LastPoll, first_shard, last_poll, mark};
use outlet::Outlet;
pub use report::PollReport;
pub use round::{MARGIN, handle, look};
use tend::tend;
pub use tend::tend_one;

use crate::{
    app::App,
    attended,
    change::{ChangeError, With, change},
    clock::Timestamp,
    dead_letter::dead_letter,
    event, group,
    lifecycle::{Task, Trigger},
    notify::notify,
    outbox::{self, Posted},
    redact::chain,
    store::{Due, DueItem, StoreError},
};

/// How many shards are looked after at the same time: so many pages of tasks, with their payloads, are in memory.
const PARALLEL_SHARDS: usize = 4;

/// How long an unreadable item is left alone.
const SET_ASIDE: Duration = Duration::from_secs(3600);

/// How a poll came out.
#[derive(Clone, Debug)]
pub struct Polled {
    /// What it did.
    pub report: PollReport,
    /// The shard to begin the next poll with: the first that this one did not come to, or to the end of.
    pub next: u16,
}

/// Offers the webhook what it is owed, until that is done, it does not work, or `deadline` comes: see
/// [`Posted`]. The poll itself never waits for it.
pub async fn post(app: &App, deadline: Option<Timestamp>) -> Posted {
    outbox::post(app, deadline).await
}

/// Looks after everything that is due now until it is done or `deadline` comes, from the shard `first` on. Each shard
/// has a page before any has its next, so that a backlog in one keeps no other waiting.
pub async fn poll(app: &App, first: u16, deadline: Option<Timestamp>) -> Polled {
    let outlet = Outlet::open(app, deadline);
    let shards = app.store.shards();
    let mut line: VecDeque<Shard> = (0..shards).map(|nth| Shard::new((first % shards + nth) % shards)).collect();
    let mut pages = FuturesUnordered::new();
    let mut report = PollReport { complete: true, ..PollReport::default() };
    loop {
        while pages.len() < PARALLEL_SHARDS
            && deadline.is_none_or(|at| app.clock.now() < at)
            && let Some(shard) = line.pop_front()
        {
            pages.push(shard.page(app, &outlet));
        }
        let Some((done, unfinished)) = pages.next().await else { break };
        report = report.plus(done);
        line.extend(unfinished);
    }
    report.complete &= line.is_empty();
    Polled { report, next: line.front().map_or(first, |shard| shard.number) }
}

/// A shard in a poll.
struct Shard {
    number: u16,
    /// Items that were looked at and are due still. The next page is read past them: otherwise items that cannot be
    /// helped would hide those behind them.
    left: HashSet<Due>,
}

impl Shard {
    fn new(number: u16) -> Self {
        Self { number, left: HashSet::new() }
    }

    /// Looks after the next page; answers with the shard, too, if there may be more.
    async fn page(mut self, app: &App, outlet: &Outlet) -> (PollReport, Option<Self>) {
        // Most of those that are left have only just been helped: what they leave room for would make pages ever larger.
        let most = app.rules.poll_page;
        let limit = most + self.left.len();
        let page = match app.store.due(self.number, app.clock.now(), limit).await {
            Ok(page) => page,
            Err(problem) => {
                error!(shard = self.number, error = %chain(&problem), "the due index could not be read");
                return (PollReport { failed: 1, ..PollReport::default() }, None);
            }
        };
        let is_whole = page.len() < limit;
        let (seen, mut fresh): (Vec<Due>, Vec<Due>) = page.into_iter().partition(|due| self.left.contains(due));
        let last = is_whole && fresh.len() <= most;
        fresh.truncate(most);
        let nothing_new = fresh.is_empty();
        self.left = seen.into_iter().chain(fresh.iter().cloned()).collect();
        let report = PollReport { complete: true, ..poll_page(app, fresh, outlet).await };
        (report, (!last && !nothing_new).then_some(self))
    }
}

async fn poll_page(app: &App, page: Vec<Due>, outlet: &Outlet) -> PollReport {
    let (mut tasks, mut records) = (Vec::new(), Vec::new());
    for due in page {
        match &due.item {
            DueItem::Task(key) => tasks.push((key.clone(), due)),
            DueItem::Record(key) => records.push((key.clone(), due)),
        }
    }
    let keys: Vec<_> = tasks.iter().map(|(key, _)| key.clone()).collect();
    let read = app.store.tasks(&keys).await;
    let (readable, rest) = sort_out(app, read.into_iter().zip(tasks.into_iter().map(|(_, due)| due)).collect()).await;
    let looked_after = look_after(app, readable).await;
    let read = join_all(records.into_iter().map(async |(key, due)| (app.store.record(&key).await, due))).await;
    let (mut records, also) = sort_out(app, read).await;
    let now = app.clock.now();
    // Another poller may have looked after what the index still showed, or a later try may be what it waits for.
    records.retain(|record| record.wake_at.is_some_and(|at| at <= now));
    let (mut events, others): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record.key.kind == event::kind());
    events.retain(|event| outbox::is_the_pollers(app, event));
    let tended = tend(app, others).await;
    looked_after.plus(rest).plus(also).plus(tended).plus(outlet.publish(app, events).await)
}

/// What could be read; what cannot be is pushed an hour on.
async fn sort_out<T>(app: &App, read: Vec<(Result<Option<T>, StoreError>, Due)>) -> (Vec<T>, PollReport) {
    let (mut found, mut report) = (Vec::new(), PollReport::default());
    for (item, due) in read {
        match item {
            Ok(item) => found.extend(item),
            Err(problem @ StoreError::Corrupt { .. }) => {
                error!(error = %chain(&problem), "a stored item cannot be read; it is left alone for an hour");
                match app.store.set_aside(&due, app.clock.now() + SET_ASIDE).await {
                    Ok(()) => report.set_aside += 1,
                    Err(_) => report.failed += 1,
                }
            }
            Err(problem) => {
                warn!(error = %chain(&problem), "a due item could not be read");
                report.failed += 1;
            }
        }
    }
    (found, report)
}

async fn look_after(app: &App, tasks: Vec<Task>) -> PollReport {
    let now = app.clock.now();
    let due_for = |task: &Task| task.run_at().or(task.wake_at).map_or(0, |at| now.since(at).as_secs());
    let tasks =
        join_all(tasks.into_iter().map(async |task| (duty(&task, is_known(app, &task).await, now), task))).await;
    // The index may lag: who is looked after already is not waiting.
    let due = tasks.iter().filter(|(duty, _)| *duty != Duty::Nothing);
    let oldest_due_s = due.map(|(_, task)| due_for(task)).max().unwrap_or(0);
    let (waiting, others): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|(duty, _)| *duty == Duty::Notify);
    let waiting: Vec<Task> = waiting.into_iter().map(|(_, task)| task).collect();
    let others = join_all(others.iter().map(|(duty, task)| fulfil(app, task, *duty))).await;
    attended::waiting(app, &waiting).await;
    // Sent first, noted after: a crash in between costs a second message, never the only one.
    let sent = notify(app, &waiting).await;
    let noted = waiting.iter().zip(sent).map(|(task, sent)| note(app, task, sent));
    let noted = join_all(noted).await;
    let looked = PollReport { oldest_due_s, ..PollReport::default() };
    others.into_iter().chain(noted).fold(looked, PollReport::plus)
}

/// Whether somebody can run it. One whose type cannot be looked up now is none to give up.
async fn is_known(app: &App, task: &Task) -> bool {
    app.knows_type_of(task).await.unwrap_or(true)
}

async fn note(app: &App, task: &Task, sent: bool) -> PollReport {
    let mut report = PollReport::default();
    if !sent {
        return PollReport { failed: 1, ..report };
    }
    match change(app, task, Trigger::Notify, With::nothing()).await {
        Ok(_) | Err(ChangeError::Rejected(_) | ChangeError::Gone) => report.notified += 1,
        Err(problem) => report.fail(task, &problem),
    }
    report
}

/// What it waits for may be over, and nobody has told it.
async fn look_at_wait(app: &App, task: &Task) -> PollReport {
    let mut report = PollReport::default();
    let next = match group::wait_over(app, task).await {
        Ok(next) => next,
        Err(problem) => {
            report.fail(task, &problem.into());
            return report;
        }
    };
    let is_over = next.is_some();
    let trigger = next.map_or(Trigger::Touch, |next| next.trigger);
    match change(app, task, trigger, With::nothing()).await {
        Ok(changed) => {
            report.notified += usize::from(is_over);
            notify(app, std::slice::from_ref(&changed)).await;
        }
        Err(ChangeError::Rejected(_) | ChangeError::Gone) => {}
        Err(problem) => report.fail(task, &problem),
    }
    report
}

async fn fulfil(app: &App, task: &Task, duty: Duty) -> PollReport {
    let mut report = PollReport::default();
    let trigger = match duty {
        Duty::Nothing | Duty::Notify => return report,
        Duty::DeadLetter => {
            dead_letter(app, task).await;
            report.dead_letters += 1;
            return report;
        }
        Duty::Look => return look_at_wait(app, task).await,
        Duty::Reap => Trigger::Reap { max_losses: app.rules.max_losses, jitter: fastrand::f64() * 2.0 - 1.0 },
        Duty::Expire(kind) => Trigger::Expire { kind },
    };
    match change(app, task, trigger, With::nothing()).await {
        Ok(changed) => {
            match duty {
                Duty::Reap => report.reaped += 1,
                _ => report.expired += 1,
            }
            notify(app, std::slice::from_ref(&changed)).await;
            dead_letter(app, &changed).await;
        }
        Err(ChangeError::Rejected(_) | ChangeError::Gone) => {}
        Err(problem) => report.fail(task, &problem),
    }
    report
}
