//! Makes a trigger true: apply, commit, and again if somebody else was faster; then tells of it. The one place for that
//! rule.

use std::sync::Arc;

use futures::future::join_all;
use tracing::warn;

use crate::{
    app::App,
    clock::Timestamp,
    effects::{Compiled, Effect, OnConflict, Sources, compile},
    group::{self, Next},
    handler::TaskContext,
    ids::{self, Name, TaskKey},
    lifecycle::{Rejected, Report, Status, Task, Transition, Trigger, apply, log::LogKind},
    notify::notify,
    redact::chain,
    store::{self, Commit, MAX_TRIES, Part, StoreError, patiently},
    telemetry::Told,
};

/// The kind of record that a schedule is.
const SCHEDULE: &str = "schedule";

/// How many tasks are told of their group at the same time.
const TOLD_AT_ONCE: usize = 16;

/// Why a trigger did not become true.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It does not apply to the task as it is now: an ordinary answer.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The task is no longer there.
    #[error("the task is gone")]
    Gone,
    /// Something a handler's effect builds on has changed: handle again, on fresh data.
    #[error("what the effect `{0}` builds on has changed")]
    Effect(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is committed with a trigger, besides what its type says: what ends with the task if the trigger ends it
/// ([`Handler::ended`]), and what becomes of what waits ([`Handler::waits`]).
///
/// [`Handler::ended`]: crate::handler::Handler::ended
/// [`Handler::waits`]: crate::handler::Handler::waits
#[derive(Clone, Debug)]
pub struct With {
    effects: Vec<Effect>,
    until: Timestamp,
}

impl With {
    /// The effects of the handler's own outcome.
    pub fn outcome(effects: Vec<Effect>) -> Self {
        Self { effects, until: Timestamp::default() }
    }

    /// Nothing of its own.
    pub fn nothing() -> Self {
        Self::outcome(Vec::new())
    }

    /// The same; a store that is busy, or does not answer, is asked again as long as that begins before `until`.
    pub(crate) fn patient(self, until: Timestamp) -> Self {
        Self { until, ..self }
    }

    /// The same, and these.
    pub(crate) fn and(mut self, effects: Vec<Effect>) -> Self {
        self.effects.extend(effects);
        self
    }

    /// The same, and `effect`; if that was there already the whole change is [`ChangeError::Effect`].
    pub fn once(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// Asks the task's type about `transition`: which effects follow from it, and what the execution has used, if it ends one.
async fn said(app: &App, task: &Task, transition: &Transition) -> Result<(Vec<Effect>, Report), StoreError> {
    let changed = &transition.task;
    let executed = transition.log.as_ref().is_some_and(|row| row.kind == LogKind::Execution);
    let ends = !task.status().is_ended() && changed.status().is_ended();
    let lost = changed.losses > task.losses;
    let moved = transition.log.as_ref().is_some_and(|row| row.kind == LogKind::Reschedule);
    let put_off = moved && changed.run_at() > Some(changed.updated_at);
    let waits = changed.status() == Status::Pending && (lost || put_off || changed.is_pulled());
    if !executed && !ends && !waits {
        return Ok(Default::default());
    }
    // One of a type that nobody knows, or that is off, must be able to end, too.
    let Ok(input) = app.input_of(task).await? else { return Ok(Default::default()) };
    let context = TaskContext::new(app, task);
    let follows = if ends {
        input.ended(&context, changed).await?
    } else if waits {
        input.waits(&context, changed).await?
    } else {
        Vec::new()
    };
    // Asked last: once what follows builds on a record, that does not change between this and the commit.
    let used = if executed { input.used(&context).await? } else { Report::default() };
    Ok((follows, used))
}

/// Applies `trigger` to `task` and commits the result with its effects, on the version at hand. Where another version
/// is in the way, reads and applies again, at most [`MAX_TRIES`] times; so only `apply` ever says `LeaseLost`. Then sends
/// the messages of follow-up tasks, and wakes what is to be woken; their own `wake_at` covers a crash in between.
pub async fn change(app: &App, task: &Task, trigger: Trigger, with: With) -> Result<Task, ChangeError> {
    // On the heap: it is large, as is what follows, and whatever held it would be moved with all of it.
    let (changed, next) = Box::pin(change_alone(app, task, trigger, with)).await?;
    if !next.is_empty() {
        Box::pin(follow(app, next)).await;
    }
    Ok(changed)
}

/// The same, but for whom it makes others tell.
async fn change_alone(app: &App, first: &Task, trigger: Trigger, with: With) -> Result<(Task, Vec<Next>), ChangeError> {
    let mut newer = None;
    let mut done = Vec::new();
    let mut tries = 0;
    loop {
        let task = newer.as_ref().unwrap_or(first);
        let now = app.clock.now();
        let mut transition = apply(task, trigger.clone(), now)?;
        transition.task.version = ids::fresh();
        let (mut follows, used) = patiently(&*app.clock, with.until, || said(app, task, &transition)).await?;
        let becomes = transition.task.status();
        if becomes == Status::Cancelled || matches!(trigger, Trigger::Redrive { .. }) {
            follows.extend(patiently(&*app.clock, with.until, || Box::pin(of_groups(app, task, becomes))).await?);
        }
        transition.log = transition.log.map(|row| row.with_report(used));
        let own: Vec<&Effect> = left(&with.effects, &done).collect();
        let effects: Vec<&Effect> = own.iter().copied().chain(left(&follows, &done)).collect();
        let Compiled { records, tasks, wakes, sources } = compile(effects.iter().copied(), &task.key.tenant, now);
        if let Some(row) = &mut transition.log {
            row.effects = effects.iter().map(|effect| effect.describe()).collect();
        }
        let told = transition.log.as_ref().map(|row| Told::of(row, &trigger));
        let changed = transition.task.clone();
        let commit = Arc::new(Commit { records, tasks, ..Commit::change(task.version, transition) });
        // The very same commit: if it has landed all the same, the store says so.
        let parts = match patiently(&*app.clock, with.until, || store::commit(&*app.store, commit.clone())).await {
            Ok(()) => {
                if let Some(told) = told {
                    told.tell(app, &changed);
                }
                notify(app, &commit.tasks).await;
                for key in &wakes {
                    Box::pin(wake(app, key)).await;
                }
                let before = newer.as_ref().unwrap_or(first);
                let next = afterwards(app, before, &changed).await;
                return Ok((changed, next));
            }
            Err(StoreError::Conflict { parts }) => parts,
            Err(error) => return Err(error.into()),
        };
        if parts.contains(&Part::Log) {
            // What is logged is never changed: what happens again is logged behind it. No limit of tries: a task has few
            // rows, and each try passes one.
            newer = Some(Task { log_seq: task.log_seq + 1, ..task.clone() });
            continue;
        }
        tries += 1;
        if tries >= MAX_TRIES + effects.len() {
            return Err(StoreError::Busy.into());
        }
        if parts.contains(&Part::Task) {
            let read = patiently(&*app.clock, with.until, || store::task(&*app.store, &task.key)).await?;
            newer = Some(read.ok_or(ChangeError::Gone)?);
        } else {
            for part in &parts {
                if let Part::NewTask(n) = part {
                    same_task(app, commit.tasks.get(*n), with.until).await?;
                }
            }
            done.extend(resolve(&effects, own.len(), &sources, &parts)?);
        }
    }
}

/// What groups commit with it: whoever cancels a task, be it itself, calls the groups off that it has made; a member's redrive
/// takes its end back.
async fn of_groups(app: &App, task: &Task, becomes: Status) -> Result<Vec<Effect>, StoreError> {
    match becomes {
        Status::Cancelled => group::called_off(app, task).await,
        _ => group::redriven(app, task).await,
    }
}

/// What follows from a commit, by the task's own fields. It is no part of it, and who is to hear finds out by a look of
/// its own where this is lost.
async fn afterwards(app: &App, before: &Task, changed: &Task) -> Vec<Next> {
    let ends = !before.status().is_ended() && changed.status().is_ended();
    if ends
        && changed.schedule.is_some()
        && let Some(by) = app.types.tends(&Name::of(SCHEDULE))
        && let Err(problem) = by.ended(app, &app.types, changed).await
    {
        warn!(task.id = %changed.key.id, error = %chain(&problem), "a schedule was not told of an end; its look finds it");
    }
    group::after(app, before, changed).await
}

/// Has others know what has come of a group, and what comes of that, one after the other: a chain may be long. What is lost
/// of it, their next look brings. How many were told.
pub(crate) async fn follow(app: &App, next: Vec<Next>) -> usize {
    let (mut line, mut told) = (next, 0);
    while !line.is_empty() {
        let some = line.split_off(line.len().saturating_sub(TOLD_AT_ONCE));
        for came in join_all(some.into_iter().map(|next| follow_one(app, next))).await.into_iter().flatten() {
            told += 1;
            line.extend(came);
        }
    }
    told
}

/// What comes of telling one; `None` if it did not apply, or did not work.
async fn follow_one(app: &App, Next { key, trigger }: Next) -> Option<Vec<Next>> {
    let told = async {
        let task = store::task(&*app.store, &key).await?.ok_or(ChangeError::Gone)?;
        let (changed, next) = change_alone(app, &task, trigger, With::nothing()).await?;
        notify(app, std::slice::from_ref(&changed)).await;
        Ok(next)
    };
    match told.await {
        Ok(next) => Some(next),
        Err(ChangeError::Rejected(_) | ChangeError::Gone) => None,
        Err(problem) => {
            warn!(task.id = %key.id, error = %chain(&problem), "a task was not told of its group");
            None
        }
    }
}

/// Has a task that waits run now. What does not come of it comes with the end of its wait.
async fn wake(app: &App, key: &TaskKey) {
    match woken(app, key).await {
        Ok(Some(task)) => drop(notify(app, std::slice::from_ref(&task)).await),
        Ok(None) => {}
        Err(error) => warn!(task.id = %key.id, error = %chain(&error), "a task that waits was not woken"),
    }
}

/// The task as it is then; `None` if it does not wait. One that runs has to find out by itself: what it decides is
/// committed with what it has read.
async fn woken(app: &App, key: &TaskKey) -> Result<Option<Task>, StoreError> {
    for _ in 0..MAX_TRIES {
        let Some(task) = store::task(&*app.store, key).await? else { return Ok(None) };
        if task.run_at().is_some_and(|at| at <= app.clock.now()) {
            return Ok(Some(task)); // its message may be lost, or dropped
        }
        let Ok(mut transition) = apply(&task, Trigger::Wake, app.clock.now()) else { return Ok(None) };
        transition.task.version = ids::fresh();
        let changed = transition.task.clone();
        match store::commit(&*app.store, Commit::change(task.version, transition)).await {
            Ok(()) => return Ok(Some(changed)),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Busy)
}

/// Without what is done already.
fn left<'e>(effects: &'e [Effect], done: &[String]) -> impl Iterator<Item = &'e Effect> {
    effects.iter().filter(|effect| effect.on_conflict == OnConflict::Rerun || !done.contains(&effect.describe()))
}

/// After a conflict in `parts`: the effects to drop from the next try. An effect of the handler's own (the first `own` of
/// them) may be dropped only if it says so ([`OnConflict::Skip`]); those of the type are asked for anew.
fn resolve(effects: &[&Effect], own: usize, sources: &Sources, parts: &[Part]) -> Result<Vec<String>, ChangeError> {
    let mut done = Vec::new();
    for place in parts.iter().flat_map(|part| sources.of(*part)) {
        match effects.get(*place) {
            Some(effect) if effect.on_conflict == OnConflict::Skip => done.push(effect.describe()),
            Some(effect) if *place < own => return Err(ChangeError::Effect(effect.describe())),
            _ => {}
        }
    }
    Ok(done)
}

/// A follow-up that exists already is done only if it is the same request.
async fn same_task(app: &App, task: Option<&Task>, until: Timestamp) -> Result<(), ChangeError> {
    let Some(task) = task else { return Ok(()) };
    match patiently(&*app.clock, until, || store::task(&*app.store, &task.key)).await? {
        Some(there) if there.is_same_request(task) => Ok(()),
        _ => Err(ChangeError::Effect(format!("enqueue {} {}", task.task_type, task.key.id))),
    }
}
