//! One step of an actor: a write of the task if nobody was faster, or what follows one.

use crate::{
    task::{Act, Actor, End, Status, Stored, System, TaskModel, Then, rules::apply},
    wrong::Wrong,
};

/// No more messages than this are on their way.
pub(super) const MOST_MESSAGES: u8 = 2;

/// The system after the step of `actor`, who is no longer among its actors; and the actor, if it goes on.
pub(super) fn step(model: &TaskModel, mut system: System, mut actor: Actor) -> (System, Option<Actor>) {
    if actor.act.writes_the_task() {
        return write(model, system, actor);
    }
    match actor.act {
        Act::After(then) => {
            // A row that rides is put into the log, where it is not there yet.
            if copied(&mut system, &actor.seen) {
                return (system, Some(actor));
            }
            follow(model, system, actor, then)
        }
        Act::WriteRow(then) => {
            system.history.log |= bit(actor.execution);
            actor.act = Act::After(then);
            (system, Some(actor))
        }
        _ => (system, Some(actor)),
    }
}

fn write(model: &TaskModel, mut system: System, mut actor: Actor) -> (System, Option<Actor>) {
    if !actor.fresh && !model.is(Wrong::NoVersion) {
        actor.seen = system.task;
        actor.fresh = true;
    }
    let Some((mut changed, then)) = apply(model, &actor.seen, &actor) else {
        return (system, refused(&actor));
    };
    let ends = match (actor.seen.status, changed.status) {
        (Status::Running { .. }, Status::Running { .. }) => None,
        (Status::Running { .. }, _) => Some(actor.seen.executions),
        _ => None,
    };
    if let Some(execution) = ends.filter(|_| model.rows_ride) {
        // One row rides at a time: the one before is in the log before another takes its place.
        if !model.is(Wrong::RowOverwritten) && copied(&mut system, &actor.seen) {
            return (system, Some(actor));
        }
        changed.row = Some(execution);
    }
    remember(model, &mut system, &actor, &changed, ends);
    system.task = changed;
    for other in &mut system.actors {
        other.go_stale(model);
    }
    actor.seen = changed;
    let after = if let Some(execution) = ends.filter(|_| model.is(Wrong::RowApart)) {
        actor.execution = execution;
        Act::WriteRow(then)
    } else if actor.act == Act::Claim {
        actor.execution = changed.executions;
        Act::Handle { saw: system.there & (1 << changed.redrives) != 0 }
    } else if matches!(actor.act, Act::NoteLetter(_)) && model.is(Wrong::LetterNotedFirst) {
        Act::After(Then::Letter)
    } else {
        Act::After(then)
    };
    actor.act = after;
    // It has nothing more to do: what is no step is no place to be lost at.
    let is_through = after == Act::After(Then::Nothing) && !is_uncopied(&system, &actor.seen);
    (system, (!is_through).then_some(actor))
}

/// What the promises judge by.
fn remember(model: &TaskModel, system: &mut System, actor: &Actor, changed: &Stored, ends: Option<u8>) {
    let history = &mut system.history;
    if let Some(execution) = ends {
        history.ended_twice |= history.ended & bit(execution) != 0;
        history.ended |= bit(execution);
        if !model.rows_ride && !model.is(Wrong::RowApart) {
            history.log |= bit(execution);
        }
    }
    match actor.act {
        Act::Settle(end) => {
            history.stolen |= actor.execution != system.task.executions;
            history.effects += u8::from(end == End::Complete);
        }
        Act::Ready(_) => {
            let Status::Waiting(on) = actor.seen.status else { return };
            history.early |= system.there & (1 << on) == 0;
        }
        Act::Redrive => history.letter = false,
        _ => {}
    }
    history.letter &= changed.status == Status::Failed;
}

/// What follows a commit that stands.
fn follow(model: &TaskModel, mut system: System, mut actor: Actor, then: Then) -> (System, Option<Actor>) {
    match then {
        Then::Nothing => (system, None),
        Then::Notify => {
            system.messages = (system.messages + 1).min(MOST_MESSAGES);
            (system, None)
        }
        Then::Again => {
            // Where it is on its way still, the task's time has not come.
            system.messages = system.messages.max(1);
            (system, None)
        }
        Then::Letter => {
            let drive = actor.seen.redrives;
            actor.act = Act::NoteLetter(drive);
            if model.is(Wrong::LetterNotedFirst) && !actor.seen.lettered {
                return (system, Some(actor));
            }
            system.history.letter |= system.task.status == Status::Failed && system.task.redrives == drive;
            (system, (!actor.seen.lettered).then_some(actor))
        }
        Then::Recheck => {
            let Status::Waiting(on) = actor.seen.status else { return (system, None) };
            actor.act = Act::Ready(on);
            let happened = system.there & (1 << on) != 0;
            (system, happened.then_some(actor))
        }
    }
}

/// A message in hand whose task cannot be claimed since its worker is lost brings about the reaping.
fn refused(actor: &Actor) -> Option<Actor> {
    let is_lost = actor.seen.status == Status::Running { lease_over: true };
    (actor.act == Act::Claim && is_lost).then_some(Actor { act: Act::Reap, ..*actor })
}

/// Puts the row that rides into the log; whether it was not there.
fn copied(system: &mut System, seen: &Stored) -> bool {
    let was_missing = is_uncopied(system, seen);
    system.history.log |= seen.row.map_or(0, bit);
    was_missing
}

fn is_uncopied(system: &System, seen: &Stored) -> bool {
    seen.row.is_some_and(|execution| system.history.log & bit(execution) == 0)
}

pub(super) fn bit(execution: u8) -> u32 {
    1 << execution
}

impl Actor {
    /// Somebody else has written. What it has read no longer counts, but where versions are not asked for.
    pub(super) fn go_stale(&mut self, model: &TaskModel) {
        self.fresh = false;
        let speaks_of_it = matches!(self.act, Act::After(_) | Act::WriteRow(_));
        if !speaks_of_it && !model.is(Wrong::NoVersion) {
            self.seen = Stored::default();
        }
    }
}
