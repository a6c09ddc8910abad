//! Makes an event true: apply, commit, and again if somebody else was faster; then tells of it. The one place for that
//! rule.

use crate::{
    app::App,
    effects::{Compiled, Effect, OnConflict, compile},
    handlers::{TaskContext, TaskInput},
    ids,
    lifecycle::{Event, Rejected, Task, apply},
    notify::notify,
    store::{self, Commit, Part, StoreError},
    telemetry::Told,
};

/// How often a commit that met another version is made anew.
const MAX_TRIES: usize = 5;

/// Why an event did not become true.
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

/// What is committed with an event.
#[derive(Clone, Debug)]
pub struct With {
    effects: Vec<Effect>,
    what_ends: bool,
}

impl With {
    /// The effects of the handler's own outcome.
    pub fn outcome(effects: Vec<Effect>) -> Self {
        Self { effects, what_ends: false }
    }

    /// If the event ends the task, whatever its handler says ends with it.
    pub fn what_ends() -> Self {
        Self { effects: Vec::new(), what_ends: true }
    }

    /// The same, and `effect`; if that was there already the whole change is [`ChangeError::Effect`].
    pub fn once(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// What goes with the change of `task` into `changed`.
    async fn effects(&self, app: &App, task: &Task, changed: &Task) -> Vec<Effect> {
        let mut effects = self.effects.clone();
        let ends = !task.status().is_ended() && changed.status().is_ended();
        if self.what_ends
            && ends
            && let Ok(input) = TaskInput::stored(&task.task_type, &task.payload)
        {
            // One of a type that nobody knows must be able to end, too.
            let ended = input.handler().ended(&TaskContext::new(app, task)).await;
            effects.extend(ended.into_iter().map(Effect::or_skip));
        }
        effects
    }
}

/// Applies `event` to `task` and commits the result with its effects, on the version at hand. Where another version
/// is in the way, reads and applies again, at most five times; so only `apply` ever says `LeaseLost`. Then sends
/// the messages of follow-up tasks; their own `wake_at` covers a crash in between.
pub async fn change(app: &App, task: &Task, event: Event, with: With) -> Result<Task, ChangeError> {
    let mut newer = None;
    let mut left = None;
    let mut tries = 0;
    loop {
        let task = newer.as_ref().unwrap_or(task);
        let now = app.clock.now();
        let mut transition = apply(task, event.clone(), now)?;
        transition.task.version = ids::fresh();
        let effects = match left.take() {
            Some(effects) => effects,
            None => with.effects(app, task, &transition.task).await,
        };
        let compiled = compile(&effects, &task.key.tenant, now);
        if let Some(row) = &mut transition.log {
            row.effects = effects.iter().map(Effect::describe).collect();
        }
        let told = transition.log.as_ref().map(|row| Told::of(row, &event));
        let (changed, follow_ups) = (transition.task.clone(), compiled.tasks.clone());
        let commit = Commit {
            records: compiled.records.clone(),
            tasks: compiled.tasks.clone(),
            ..Commit::change(task.version, transition)
        };
        let parts = match store::commit(&*app.store, commit).await {
            Ok(()) => {
                if let Some(told) = told {
                    told.tell(app, &changed);
                }
                notify(app, &follow_ups).await;
                return Ok(changed);
            }
            Err(StoreError::Conflict { parts }) => parts,
            Err(error) => return Err(error.into()),
        };
        tries += 1;
        if tries >= MAX_TRIES + effects.len() {
            return Err(StoreError::Busy.into());
        }
        if parts.contains(&Part::Task) {
            newer = Some(store::task(&*app.store, &task.key).await?.ok_or(ChangeError::Gone)?);
        } else {
            let skip = resolve(app, &effects, &compiled, &parts).await?;
            let kept = effects.into_iter().enumerate().filter(|(place, _)| !skip.contains(place));
            left = Some(kept.map(|(_, effect)| effect).collect());
        }
    }
}

/// The places of the effects to drop, if all that failed may be dropped.
async fn resolve(
    app: &App,
    effects: &[Effect],
    compiled: &Compiled,
    parts: &[Part],
) -> Result<Vec<usize>, ChangeError> {
    let mut skip = Vec::new();
    for part in parts {
        if let Part::NewTask(n) = part {
            same_task(app, compiled.tasks.get(*n)).await?;
        }
        for place in compiled.sources(*part) {
            match effects.get(*place) {
                Some(effect) if effect.on_conflict == OnConflict::Rerun => {
                    return Err(ChangeError::Effect(effect.describe()));
                }
                _ => skip.push(*place),
            }
        }
    }
    Ok(skip)
}

/// A follow-up that exists already is done only if it is the same request.
async fn same_task(app: &App, task: Option<&Task>) -> Result<(), ChangeError> {
    let Some(task) = task else { return Ok(()) };
    match store::task(&*app.store, &task.key).await? {
        Some(there) if there.is_same_request(task) => Ok(()),
        _ => Err(ChangeError::Effect(format!("enqueue {} {}", task.task_type, task.key.id))),
    }
}
