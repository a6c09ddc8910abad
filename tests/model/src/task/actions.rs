//! What can happen next, and what it makes of the system.

use crate::{
    check::Walked,
    rest::Cause,
    task::{Act, Actor, End, Status, System, TaskModel, Then, steps},
    wrong::Wrong,
};

/// Something that can happen. Actors are named by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An actor takes its next step.
    Step(usize),
    /// A handler has decided.
    Decide(usize, End),
    /// A message comes to a worker.
    Deliver,
    /// What the drive of this number could wait for happens.
    Happen(u8),
    /// The poller looks at the task.
    Look,
    /// The lease of a worker that is lost passes.
    LeaseEnds,
    /// That of one that works on: it is slow, or the clocks differ.
    LeaseEndsEarly,
    /// A worker renews its lease.
    Renew(usize),
    /// An actor is lost.
    Crash(usize),
    /// An actor's write stands, and it is told that it has failed.
    Doubt(usize),
    /// A message is lost.
    Lose,
    /// A message is doubled.
    Double,
    /// An operator calls the task off.
    AskCancel,
    /// An operator sets it going again.
    AskRedrive,
}

impl Action {
    /// Who is behind it.
    pub fn cause(&self) -> Cause {
        match self {
            Action::Step(_) | Action::Deliver => Cause::Own,
            Action::Decide(..) | Action::Renew(_) => Cause::Work,
            Action::Look | Action::LeaseEnds => Cause::Look,
            Action::LeaseEndsEarly | Action::Crash(_) | Action::Doubt(_) | Action::Lose | Action::Double => {
                Cause::Fault
            }
            Action::Happen(_) | Action::AskCancel | Action::AskRedrive => Cause::Outside,
        }
    }
}

impl Walked for TaskModel {
    fn told(before: &System, action: &Action) -> String {
        let (Action::Step(at) | Action::Decide(at, _) | Action::Renew(at) | Action::Crash(at) | Action::Doubt(at)) =
            action
        else {
            return format!("{action:?}");
        };
        let Actor { act, execution, fresh, .. } = before.actors[*at];
        format!("{action:?} of {act:?}, execution {execution}, {}", if fresh { "fresh" } else { "stale" })
    }
}

/// All that may be possible in `system`, the next of its own doing first. What turns out to change nothing is left out later.
pub(super) fn possible(model: &TaskModel, system: &System, actions: &mut Vec<Action>) {
    for (at, actor) in system.actors.iter().enumerate() {
        if let Act::Handle { saw } = actor.act {
            actions.push(Action::Decide(at, End::Complete));
            actions.push(Action::Decide(at, End::Fail));
            if !saw {
                actions.push(Action::Decide(at, End::Wait));
            }
            actions.push(Action::Renew(at));
        } else {
            actions.push(Action::Step(at));
        }
    }
    let has_room = system.actors.len() < model.actors;
    if has_room && system.messages > 0 {
        actions.push(Action::Deliver);
    }
    if has_room {
        actions.extend((0..=system.task.redrives).map(Action::Happen));
        actions.push(Action::Look);
    }
    let has_its_worker = system.actors.iter().any(|actor| actor.works_on(system.task.executions));
    actions.push(if has_its_worker { Action::LeaseEndsEarly } else { Action::LeaseEnds });
    if has_room && system.wishes > 0 {
        actions.extend([Action::AskCancel, Action::AskRedrive]);
    }
    if system.faults > 0 {
        let each = 0..system.actors.len();
        actions.extend(each.flat_map(|at| [Action::Crash(at), Action::Doubt(at)]));
        actions.extend([Action::Lose, Action::Double]);
    } else {
        actions.retain(|action| *action != Action::LeaseEndsEarly);
    }
}

/// The system after `action`; `None` if that changes nothing.
pub(super) fn taken(model: &TaskModel, before: &System, action: Action) -> Option<System> {
    let mut system = before.clone();
    if action.cause() == Cause::Fault {
        system.faults -= 1;
        system.history.faulty = true;
    }
    match action {
        Action::Step(at) => {
            let actor = system.actors.remove(at);
            let (after, goes_on) = steps::step(model, system, actor);
            system = after;
            system.actors.extend(goes_on);
        }
        Action::Decide(at, end) => decide(&mut system, at, end),
        Action::Deliver => {
            system.messages -= 1;
            let actor = Actor { holds_message: true, ..Actor::new(Act::Claim, &system) };
            system.actors.push(actor);
        }
        Action::Happen(drive) => {
            system.there |= 1 << drive;
            (system.there != before.there).then_some(())?;
            let teller = Actor::new(Act::Ready(drive), &system);
            system.actors.push(teller);
        }
        Action::Look => look(model, &mut system)?,
        Action::LeaseEnds | Action::LeaseEndsEarly => {
            (system.task.status == Status::Running { lease_over: false }).then_some(())?;
            system.task.status = Status::Running { lease_over: true };
            // Of what an actor has read, too: it goes by the clock.
            let holders = system.actors.iter_mut().map(|actor| &mut actor.seen);
            holders.filter(|seen| **seen == before.task).for_each(|seen| *seen = system.task);
        }
        Action::Renew(at) => renew(model, &mut system, at)?,
        Action::Crash(at) => {
            let lost = system.actors.remove(at);
            system.messages += u8::from(lost.holds_message && system.messages < steps::MOST_MESSAGES);
        }
        Action::Doubt(at) => {
            let actor = system.actors.remove(at);
            (actor.act.writes_the_task()).then_some(())?;
            let (mut after, _) = steps::step(model, system, actor);
            (after.task != before.task).then_some(())?;
            let mut doubts = actor;
            doubts.go_stale(model);
            after.actors.push(doubts);
            system = after;
        }
        Action::Lose => system.messages = system.messages.checked_sub(1)?,
        Action::Double => {
            (system.messages == 1).then_some(())?;
            system.messages = 2;
        }
        Action::AskCancel => ask(&mut system, Act::Cancel, before.task.is_live())?,
        Action::AskRedrive => {
            ask(&mut system, Act::Redrive, matches!(before.task.status, Status::Failed | Status::Cancelled))?;
        }
    }
    system.actors.sort_unstable();
    (system != *before).then_some(system)
}

/// What a handler has decided is not written yet; but the message of a retry is sent before that is.
fn decide(system: &mut System, at: usize, end: End) {
    let Some(actor) = system.actors.get_mut(at) else { return };
    actor.act = Act::Settle(end);
    if end == End::Fail {
        actor.holds_message = false;
        system.messages = (system.messages + 1).min(steps::MOST_MESSAGES);
    }
}

/// A renewal holds under the fence; for others the task is another version then.
fn renew(model: &TaskModel, system: &mut System, at: usize) -> Option<()> {
    let execution = system.actors.get(at)?.execution;
    let may = system.task.status == Status::Running { lease_over: true } && system.task.executions == execution;
    may.then_some(())?;
    system.task.status = Status::Running { lease_over: false };
    for actor in &mut system.actors {
        actor.go_stale(model);
    }
    let actor = system.actors.get_mut(at)?;
    (actor.seen, actor.fresh) = (system.task, true);
    Some(())
}

/// The poller finds what nobody does otherwise. It looks only at what has a `wake_at`.
fn look(model: &TaskModel, system: &mut System) -> Option<()> {
    let task = system.task;
    let nobody = |act: Act| !system.actors.iter().any(|actor| actor.act == act);
    let no_message = system.messages == 0 && !system.actors.iter().any(|actor| actor.holds_message);
    task.wakes.then_some(())?;
    let act = match task.status {
        Status::Pending if no_message => {
            system.messages = 1;
            return Some(());
        }
        Status::Running { lease_over: true } if !model.is(Wrong::NoReaping) => Act::Reap,
        Status::Waiting(on) if system.there & (1 << on) != 0 && !model.is(Wrong::WaitingUnwatched) => Act::Ready(on),
        Status::Failed if !task.lettered => Act::After(Then::Letter),
        _ => return None,
    };
    nobody(act).then_some(())?;
    system.actors.push(Actor::new(act, system));
    Some(())
}

fn ask(system: &mut System, act: Act, makes_sense: bool) -> Option<()> {
    makes_sense.then_some(())?;
    system.wishes -= 1;
    system.actors.push(Actor::new(act, system));
    Some(())
}

impl Actor {
    /// One that has just read the task.
    fn new(act: Act, system: &System) -> Self {
        Self { act, seen: system.task, fresh: true, execution: 0, holds_message: false }
    }

    /// Whether it is the worker of this execution.
    fn works_on(&self, execution: u8) -> bool {
        self.execution == execution && matches!(self.act, Act::Handle { .. } | Act::Settle(_))
    }
}
