//! What must hold of Errand, whatever happens in whatever order: one sentence and one function for each promise.
//!
//! Some are asked at each change of a task, in the moment that the store takes it; some of each commit, answer and call;
//! the rest once faults have stopped and nothing is left to come.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use errand::{
    Dispatch, FailureKind, Id, State, Status, Stored, Task, TaskKey, Timestamp,
    spi::{
        event,
        group::GROUP,
        lifecycle::log::{LogEntry, LogKind, LogOutcome},
        store::{Commit, Record, RelationKind, TaskWrite},
    },
};
use errand_agents::{Run, RunEvent};
use errand_aws::relay::{self, BusEvents};
use serde_json::Value;
use shared::domain::{SCRIPTED, User};
use uuid::Uuid;

use crate::{
    model::Charge,
    seen::{AtRest, Inside, Life, Relayed},
    world::TENANTS,
};

/// Whether something holds; if not, why.
pub type Held = Result<(), String>;

/// A change of one task, as the store has taken it.
pub struct Change<'a> {
    /// The task before; `None` if it is new.
    pub before: Option<&'a Task>,
    pub after: &'a Task,
    /// The row of the log that came with it.
    pub row: Option<&'a LogEntry>,
    /// Which process made it.
    pub by: Option<usize>,
    /// Which process has made each claim so far.
    pub claims: &'a BTreeMap<Uuid, Option<usize>>,
}

/// Where Errand keeps what it notes for itself, such as whom it has tenants' webhooks of.
const NOBODY: &str = "_errand";

/// How often schedules fire.
const MINUTE: Duration = Duration::from_secs(60);

/// Asked at each change of a task.
const OF_A_CHANGE: [fn(&Change<'_>) -> Held; 8] = [
    who_lives_has_a_wake_at,
    nobody_tries_more_often_than_asked,
    each_change_is_made_of_the_one_before,
    what_has_ended_stays_so_unless_it_is_redriven,
    a_claim_takes_what_waits_and_is_due,
    a_fence_is_never_given_twice,
    each_execution_that_ends_has_the_next_row,
    only_its_worker_settles_an_execution,
];

/// Asked once nothing is left to come.
const AT_REST: [fn(&AtRest<'_>) -> Held; 13] = [
    every_task_has_ended_and_nothing_is_owed,
    every_failure_has_its_dead_letter,
    the_log_has_every_row_and_no_gaps,
    each_drive_ends_once,
    effects_are_there_once_for_each_life_that_is_completed,
    follow_ups_are_made_once,
    credit_is_what_completed_tasks_gave,
    every_event_is_listed_once_without_gaps,
    every_completed_task_has_published_once,
    the_relay_tells_all_and_counts_each_change_once,
    every_run_has_ended_with_all_its_events,
    every_group_is_closed_and_has_the_members_it_says,
    every_schedule_is_through_and_has_made_the_tasks_it_says,
];

/// The first that a change breaks.
pub fn of_a_change(change: &Change<'_>) -> Held {
    OF_A_CHANGE.iter().try_for_each(|holds| holds(change))
}

/// The first that is broken at rest.
pub fn at_rest(rest: &AtRest<'_>) -> Held {
    AT_REST.iter().try_for_each(|holds| holds(rest))
}

fn that(holds: bool, why: impl FnOnce() -> String) -> Held {
    if holds { Ok(()) } else { Err(why()) }
}

// ---- At each change of a task -----------------------------------------------------------------------------------------

/// Whoever waits, runs, or failed without its dead letter is looked at again; nobody else is.
fn who_lives_has_a_wake_at(Change { after, .. }: &Change<'_>) -> Held {
    let owed = match &after.state {
        State::Pending { .. } | State::Running { .. } | State::Waiting { .. } => true,
        State::Failed { .. } => after.dead_lettered_at.is_none(),
        State::Completed { .. } | State::Cancelled { .. } | State::Blocked { .. } => false,
    };
    that(after.wake_at.is_some() == owed, || format!("`wake_at` is wrong: {after:#?}"))
}

/// A drive has no more failures than retries and one; what has ended says when.
fn nobody_tries_more_often_than_asked(Change { after, .. }: &Change<'_>) -> Held {
    that(after.failures <= after.max_retries + 1, || format!("too many failures: {after:#?}"))?;
    that(after.ended_at.is_some() == after.status().is_ended(), || format!("`ended_at` is wrong: {after:#?}"))
}

/// No change is lost: each raises the revision of the one before by one.
fn each_change_is_made_of_the_one_before(Change { before, after, .. }: &Change<'_>) -> Held {
    let Some(before) = before else { return Ok(()) };
    that(after.revision == before.revision + 1 && after.executions >= before.executions, || {
        format!("made of another: {before:#?} {after:#?}")
    })
}

/// A task ends once. Only an operator sets it going again; besides, its dead letter is noted.
fn what_has_ended_stays_so_unless_it_is_redriven(Change { before, after, row, .. }: &Change<'_>) -> Held {
    let Some(before) = before.filter(|before| before.status().is_ended()) else { return Ok(()) };
    let redriven = row.is_some_and(|row| row.kind == LogKind::Redrive)
        && after.redrives == before.redrives + 1
        && before.status() != Status::Completed;
    let noted = before.status() == Status::Failed && before.dead_lettered_at.is_none() && after.state == before.state;
    that(redriven || noted, || format!("what had ended was changed: {before:#?} {after:#?}"))
}

/// Only what waits is claimed, not before its time, and each claim is one more execution.
fn a_claim_takes_what_waits_and_is_due(Change { before, after, .. }: &Change<'_>) -> Held {
    let Some((before, started_at)) = claimed(*before, after) else { return Ok(()) };
    let State::Pending { run_at, .. } = before.state else {
        return Err(format!("claimed twice: {before:#?} {after:#?}"));
    };
    that(started_at >= run_at, || format!("started at {started_at}, before {run_at}: {after:#?}"))?;
    that(after.executions == before.executions + 1, || format!("not the next execution: {after:#?}"))
}

fn claimed<'a>(before: Option<&'a Task>, after: &Task) -> Option<(&'a Task, Timestamp)> {
    let State::Running { started_at, .. } = after.state else { return None };
    before.filter(|before| before.fence() != after.fence()).map(|before| (before, started_at))
}

/// No two claims ever have the same fence.
fn a_fence_is_never_given_twice(change: &Change<'_>) -> Held {
    let Some((_, fence)) = claimed(change.before, change.after).zip(change.after.fence()) else { return Ok(()) };
    that(!change.claims.contains_key(&fence.worker), || format!("the fence was another's: {:#?}", change.after))
}

/// Each execution that ends is one row, written with its end; rows are numbered without gaps.
fn each_execution_that_ends_has_the_next_row(Change { before, after, row, .. }: &Change<'_>) -> Held {
    let Some(before) = before else { return that(row.is_none() && after.log_seq == 0, || format!("{after:#?}")) };
    let next = row.map_or(before.log_seq, |row| row.seq);
    let numbered = next == before.log_seq + u64::from(row.is_some()) && after.log_seq == next;
    that(numbered, || format!("row {next} after {}: {row:#?}", before.log_seq))?;
    let ended = before.fence().is_some() && after.fence() != before.fence();
    let told = row.is_some_and(|row| row.kind == LogKind::Execution && row.execution == before.executions);
    that(ended == told, || format!("an execution without its row, or a row without one: {row:#?} {after:#?}"))
}

/// What a worker says of its execution counts as long as that is its own: nobody else's word does.
fn only_its_worker_settles_an_execution(change: &Change<'_>) -> Held {
    let (Some(row), Some(before)) = (change.row, change.before) else { return Ok(()) };
    let lost = row.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::WorkerLost);
    let Some(fence) = before.fence().filter(|_| row.by.is_none() && !lost) else { return Ok(()) };
    that(row.worker == Some(fence.worker), || format!("settled under another's fence: {row:#?}"))?;
    // One that is done outside is claimed by one request, and ended by another.
    let here = before.dispatch == Dispatch::default();
    let same = change.claims.get(&fence.worker) == Some(&change.by);
    that(!here || same, || format!("settled by a process that had not claimed it: {row:#?}"))
}

// ---- Of each commit, answer and call ----------------------------------------------------------------------------------

/// All that is written together is one tenant's.
pub fn of_a_commit(commit: &Commit) -> Held {
    let task = commit.task.as_ref().map(|task| match task {
        TaskWrite::Change { transition, .. } => &transition.task.key.tenant,
        TaskWrite::Step { key, .. } => &key.tenant,
    });
    let records = commit.records.iter().map(|write| &write.key().tenant);
    let tenants = task.into_iter().chain(records).chain(commit.tasks.iter().map(|task| &task.key.tenant));
    let tenants: BTreeSet<_> = tenants.filter(|tenant| tenant.as_str() != NOBODY).collect();
    that(tenants.len() <= 1, || format!("one commit wrote for {tenants:?}"))
}

/// Nothing of a tenant is in another's answer.
pub fn an_answer_is_of_one_tenant(tenant: &str, route: &str, body: &str) -> Held {
    let others = TENANTS.into_iter().filter(|other| *other != tenant);
    let found: Vec<&str> = others.filter(|other| body.contains(other)).collect();
    that(found.is_empty(), || format!("{route} answered {tenant} with what is {found:?}'s: {body}"))
}

/// What belongs to another tenant is answered as if it was not there.
pub fn anothers_is_not_there(is_own: bool, status: u16, route: &str) -> Held {
    that(is_own || matches!(status, 404 | 429 | 500..), || {
        format!("{route} answered {status} for another tenant's task")
    })
}

/// A lease is shown to one worker alone: a task is never two workers' at a time.
pub fn a_lease_is_one_workers(leases: &mut BTreeMap<String, String>, lease: String, worker: &str) -> Held {
    let holder = leases.entry(lease).or_insert_with(|| worker.to_owned());
    that(holder == worker, || format!("the lease of {holder} was given to {worker}"))
}

/// A schedule makes one task for each of its firings (by hand it may be fired at the same time), and none once a pause was answered.
pub fn a_schedule_fires_once_and_not_while_it_is_paused(seen: &Inside, task: &Task) -> Held {
    let Some(of) = &task.schedule else { return Ok(()) };
    let firing = (task.key.tenant.clone(), of.id.clone(), of.nominal);
    let named = (task.key.tenant.clone(), of.id.to_string());
    let once = seen.triggered.contains(&named) || !seen.firings.contains(&firing);
    that(once, || format!("fired twice: {task:#?}"))?;
    that(!seen.paused.contains(&named), || format!("fired though it was paused: {task:#?}"))
}

/// Who waits for a group goes on once all its members have ended; sooner only if one has ended badly. (One that was set
/// going again is no longer waited for.)
pub fn who_waits_for_a_group_goes_on_after_its_members(seen: &Inside, before: &Task, after: &Task) -> Held {
    let (State::Waiting { group, .. }, State::Pending { .. }) = (&before.state, &after.state) else { return Ok(()) };
    let tasks = seen.lives.values().map(|life| &life.newest).filter(|task| task.key.tenant == after.key.tenant);
    let members: Vec<&Task> = tasks.filter(|task| task.member_of.iter().any(|of| of.group == *group)).collect();
    let badly = members
        .iter()
        .any(|task| task.redrives > 0 || (task.status().is_ended() && task.status() != Status::Completed));
    let lives = members.iter().find(|task| !task.status().is_ended());
    that(badly || lives.is_none(), || format!("{} went on before {lives:#?}", after.key.id))
}

/// A worker whose word was taken finds it in the log, as it was said.
pub fn what_was_taken_is_in_the_log(seen: &Inside, task: &str, attempt: &Value, said: &str) -> Held {
    let as_said = |outcome: LogOutcome| match said {
        "completed" => outcome == LogOutcome::Completed,
        "failed" => matches!(outcome, LogOutcome::Retry | LogOutcome::Failed),
        "blocked" => outcome == LogOutcome::Blocked,
        _ => outcome == LogOutcome::Snoozed,
    };
    let mut rows = seen.lives.values().flat_map(|life| &life.rows);
    let found = rows.any(|row| row.key.id.to_string() == task && row.execution == *attempt && as_said(row.outcome));
    that(found, || format!("`{said}` was taken of execution {attempt} of {task}, and is not in its log"))
}

/// No call of a model begins once what may be spent on its mission, or by its agent, is spent.
pub fn a_call_has_a_budget(payer: &str, charge: &Charge) -> Held {
    that(charge.spent < charge.limit, || {
        format!("{payer} had spent {} of {}, and asked again", charge.spent, charge.limit)
    })
}

// ---- At rest ----------------------------------------------------------------------------------------------------------

/// Every task comes to its end once faults stop, and nothing is left to be done about it.
fn every_task_has_ended_and_nothing_is_owed(rest: &AtRest<'_>) -> Held {
    let open = rest.tasks.iter().find(|(task, _)| !task.status().is_ended() || task.wake_at.is_some());
    that(open.is_none(), || format!("not at its end: {open:#?}"))
}

/// Of each task that failed there is a dead letter.
fn every_failure_has_its_dead_letter(rest: &AtRest<'_>) -> Held {
    let mut failed = rest.seen.lives.values().map(|life| &life.newest).filter(|task| task.status() == Status::Failed);
    let missing = failed.find(|task| !rest.letters.contains(&(task.key.clone(), task.executions)));
    that(missing.is_none(), || format!("no dead letter: {missing:#?}"))
}

/// What stands in the log is what was committed: rows 1 to n, one for each execution.
fn the_log_has_every_row_and_no_gaps(rest: &AtRest<'_>) -> Held {
    rest.tasks.iter().try_for_each(|(task, log)| {
        let life = rest.seen.lives.get(&(task.key.clone(), task.created_at));
        that(life.is_some_and(|life| life.rows == *log), || format!("other rows than were written: {log:#?}"))?;
        let seqs = log.iter().map(|row| row.seq);
        that(seqs.eq(1..=task.log_seq), || format!("a gap: {log:#?}"))?;
        let executions = log.iter().filter(|row| row.kind == LogKind::Execution).map(|row| row.execution);
        that(executions.eq(1..=task.executions), || format!("not one row for each execution: {log:#?}"))
    })
}

/// One end for each drive, and in no drive more failures than were asked for.
fn each_drive_ends_once(rest: &AtRest<'_>) -> Held {
    rest.seen.lives.values().try_for_each(|Life { newest: task, rows }| {
        let ends = rows.iter().filter(|row| ends(row.outcome)).count();
        that(ends == task.redrives as usize + 1, || format!("{ends} ends, {} redrives: {rows:#?}", task.redrives))?;
        rows.split(|row| row.kind == LogKind::Redrive).try_for_each(|drive| {
            let failed = |row: &&LogEntry| row.failure.as_ref().is_some_and(|f| f.kind != FailureKind::WorkerLost);
            let failing = drive.iter().filter(|row| row.kind == LogKind::Execution).filter(failed).count();
            that(failing <= task.max_retries as usize + 1, || format!("{failing} failures in a drive: {rows:#?}"))
        })
    })
}

fn ends(outcome: LogOutcome) -> bool {
    matches!(outcome, LogOutcome::Completed | LogOutcome::Failed | LogOutcome::Cancelled | LogOutcome::Blocked)
}

fn payload(task: &Task) -> Value {
    task.payload.parse().unwrap_or_default()
}

fn is_completed(life: &Life) -> bool {
    life.newest.status() == Status::Completed
}

/// What a handler wanted written is there once if its task is completed, and not at all otherwise; what is to be written at
/// any other end is there once for each of these.
fn effects_are_there_once_for_each_life_that_is_completed(rest: &AtRest<'_>) -> Held {
    let mut marks: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for record in rest.records.iter().filter(|record| record.key.kind.as_str() == SCRIPTED) {
        let Some(mark) = record.relation(RelationKind::Parent).map(|relation| relation.of.as_str()) else { continue };
        let id = record.key.id.as_str();
        // `{mark}.{life}.{execution}`
        let life =
            id.strip_prefix(mark).and_then(|rest| rest.strip_prefix('.')?.rsplit_once('.')).map_or("", |of| of.0);
        *marks.entry((mark.to_owned(), life)).or_default() += 1;
    }
    rest.seen.lives.values().try_for_each(|life| {
        let task = &life.newest;
        let Some(mark) = payload(task)["mark"].as_str().map(str::to_owned) else { return Ok(()) };
        let name = task.life();
        let found = |mark: String| marks.get(&(mark, &*name)).copied().unwrap_or(0);
        let bad_ends = life.rows.iter().filter(|row| ends(row.outcome) && row.outcome != LogOutcome::Completed);
        let bad_ends: BTreeSet<u32> = bad_ends.map(|row| row.execution).collect();
        let (done, ended) = (found(mark.clone()), found(format!("{mark}.ended")));
        let right = done == usize::from(is_completed(life)) && ended == bad_ends.len();
        that(right, || format!("{done} marks of completion, {ended} of other ends: {life:#?}"))
    })
}

/// Each follow-up of what is completed is made once; of what is not, none.
fn follow_ups_are_made_once(rest: &AtRest<'_>) -> Held {
    let mut expected: BTreeMap<&TaskKey, usize> = BTreeMap::new();
    let known = |task: &Task| !is_agents(task) && !payload(task)["member"].is_object();
    for life in rest.seen.lives.values().filter(|life| known(&life.newest)) {
        let payload = payload(&life.newest);
        let follows = payload["then"].is_object() || payload["follow"] == true;
        *expected.entry(&life.newest.key).or_default() += usize::from(is_completed(life) && follows);
    }
    expected.into_iter().try_for_each(|(key, expected)| {
        let made = rest.seen.children.get(key).map(Vec::as_slice).unwrap_or_default();
        let distinct: BTreeSet<&Uuid> = made.iter().collect();
        that(made.len() == expected && distinct.len() == expected, || {
            format!("{expected} follow {key:?}, not {made:?}")
        })
    })
}

fn is_agents(task: &Task) -> bool {
    ["run_agent", "run_outside", "cleanup_session"].contains(&task.task_type.as_str())
}

/// A user's credit is the sum of what completed tasks gave.
fn credit_is_what_completed_tasks_gave(rest: &AtRest<'_>) -> Held {
    TENANTS.into_iter().try_for_each(|tenant| {
        let done = rest.seen.lives.values().filter(|life| is_completed(life));
        let of_tenant = done.filter(|life| life.newest.key.tenant.as_str() == tenant);
        let expected: i64 = of_tenant.filter_map(|life| payload(&life.newest)["credit"].as_i64()).sum();
        let mut users = rest.records.iter().filter(|record| record.key.tenant.as_str() == tenant);
        let user = users.find(|record| record.key.kind.as_str() == "user");
        let credits = user.and_then(|user| Some(Stored::<User>::read(user.clone()).ok()?.value.credits)).unwrap_or(0);
        that(credits == expected, || format!("{tenant} has {credits} credits, not {expected}"))
    })
}

fn events<'r>(rest: &'r AtRest<'_>) -> impl Iterator<Item = &'r Record> {
    rest.records.iter().filter(|record| record.key.kind == event::kind())
}

/// Whoever follows a tenant's events reads each that was published, once, though others are written meanwhile. (Where the
/// relay delivers them nothing is listed.)
fn every_event_is_listed_once_without_gaps(rest: &AtRest<'_>) -> Held {
    TENANTS.into_iter().try_for_each(|tenant| {
        let published: BTreeSet<&str> =
            events(rest).filter(|e| e.key.tenant.as_str() == tenant).map(|e| e.key.id.as_str()).collect();
        let read = rest.seen.read.iter().find(|(name, _)| name.as_str() == tenant).map(|(_, read)| read.as_slice());
        let read = read.unwrap_or_default();
        let distinct: BTreeSet<&str> = read.iter().map(String::as_str).collect();
        that(distinct.len() == read.len(), || format!("{tenant} read an event twice: {read:?}"))?;
        that(distinct == published || rest.relayed.is_some(), || format!("{tenant} read {distinct:?} of {published:?}"))
    })
}

/// Each task that is completed has published what it was to publish, once; any other nothing.
fn every_completed_task_has_published_once(rest: &AtRest<'_>) -> Held {
    let told = |key: &TaskKey| {
        let of_task = |event: &&Record| event.key.tenant == key.tenant && event.doc["subject"] == key.id.to_string();
        let own = |event: &&Record| event.doc["type"].as_str().is_some_and(|kind| kind.starts_with("sim."));
        events(rest).filter(own).filter(of_task).count()
    };
    let mut expected: BTreeMap<&TaskKey, usize> = BTreeMap::new();
    for life in rest.seen.lives.values() {
        let payload = payload(&life.newest);
        let tells = payload["publish"].is_string() || payload["follow"] == true;
        *expected.entry(&life.newest.key).or_default() += usize::from(is_completed(life) && tells);
    }
    expected.into_iter().try_for_each(|(key, expected)| {
        let told = told(key);
        that(told == expected, || format!("{told} events of {key:?}, not {expected}"))
    })
}

/// The bus hears of each event and each change of a status, at least once; the counters count each change exactly once.
fn the_relay_tells_all_and_counts_each_change_once(rest: &AtRest<'_>) -> Held {
    let Some(Relayed { heard, counts }) = &rest.relayed else { return Ok(()) };
    let changes = rest.seen.stream.0.iter().flatten().filter_map(|seen| match seen {
        relay::Seen::Task(change) => change.event(BusEvents::All).map(|event| event.id),
        relay::Seen::Event(record) => Some(record.key.id.clone()),
        relay::Seen::Nothing => None,
    });
    let unheard: Vec<Id> = changes.filter(|id| !heard.contains(id)).collect();
    that(unheard.is_empty(), || format!("the bus has not heard of {unheard:?}"))?;
    let expected = rest.seen.stream.tally();
    that(*counts == expected, || format!("counted {counts:#?}, not {expected:#?}"))
}

/// Each run has come to an end, as its task has, and its events are numbered without gaps.
fn every_run_has_ended_with_all_its_events(rest: &AtRest<'_>) -> Held {
    let of_kind = |kind: &'static str| rest.records.iter().filter(move |record| record.key.kind.as_str() == kind);
    of_kind("run").try_for_each(|record| {
        let run = Stored::<Run>::read(record.clone()).map_err(|error| error.to_string())?.value;
        that(run.status.terminal().is_some(), || format!("a run goes on: {run:#?}"))?;
        let events = of_kind("run_event").filter(|event| event.key.tenant == record.key.tenant);
        let events = events.filter_map(|event| Some(Stored::<RunEvent>::read(event.clone()).ok()?.value));
        let mut seqs: Vec<u64> = events.filter(|event| event.run_id == record.key.id).map(|event| event.seq).collect();
        seqs.sort_unstable();
        that(seqs.iter().copied().eq(1..=run.last_event_seq), || format!("events {seqs:?} of {run:#?}"))
    })
}

/// Each group is closed in the end, and has as many members as it says: none was made twice, or is missing.
fn every_group_is_closed_and_has_the_members_it_says(rest: &AtRest<'_>) -> Held {
    let mut members: BTreeMap<Uuid, BTreeSet<&TaskKey>> = BTreeMap::new();
    for life in rest.seen.lives.values() {
        for of in &life.newest.member_of {
            members.entry(of.group).or_default().insert(&life.newest.key);
        }
    }
    rest.records.iter().filter(|record| record.key.kind.as_str() == GROUP).try_for_each(|root| {
        that(root.doc.contains_key("closed"), || format!("a group is open: {root:#?}"))?;
        let id = Uuid::try_parse(root.key.id.as_str()).unwrap_or_default();
        let (made, says) = (members.get(&id).map_or(0, BTreeSet::len) as u64, root.doc["total"].as_u64().unwrap_or(0));
        let is_whole = root.doc.get("sealed") == Some(&Value::Bool(true));
        that(made == says || (!is_whole && made < says), || format!("{made} members of {root:#?}"))
    })
}

/// Each schedule has made a task for each firing that it counts; one that nobody has paused has dealt with all of them. (All
/// fire each minute, and end.)
fn every_schedule_is_through_and_has_made_the_tasks_it_says(rest: &AtRest<'_>) -> Held {
    rest.records.iter().filter(|record| record.key.kind.as_str() == "schedule").try_for_each(|record| {
        let tasks =
            rest.seen.lives.values().map(|life| &life.newest).filter(|task| task.key.tenant == record.key.tenant);
        let made = tasks.filter(|task| task.schedule.as_ref().is_some_and(|of| of.id == record.key.id)).count();
        let doc = Value::Object(record.doc.clone());
        that(doc["fired"].as_u64().unwrap_or(0) == made as u64, || format!("{made} tasks were made by {record:#?}"))?;
        let time = |value: &Value| serde_json::from_value::<Timestamp>(value.clone()).ok();
        let (judged, ends_at) = (time(&doc["judged"]), time(&doc["spec"]["ends_at"]));
        let is_through = judged.zip(ends_at).is_some_and(|(judged, ends_at)| judged + 2 * MINUTE > ends_at);
        let waits = record.wake_at.is_some() || doc["buffered"].as_array().is_some_and(|them| !them.is_empty());
        that(!doc["paused"].is_null() || (is_through && !waits), || {
            format!("a schedule has stopped before its end: {record:#?}")
        })
    })
}
