//! What can happen next, and what it makes of the system.

use crate::{
    check::Walked,
    group::{Act, Actor, DRIVES, GroupModel, PART, PARTS, Parent, System, afterwards, asked, looks, worker},
    rest::Cause,
};

/// Something that can happen. Actors are named by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An actor does its next write.
    Step(usize),
    /// A worker claims the parent.
    Claim,
    /// A member of a group ends, well or not.
    End(usize, usize, bool),
    /// The parent's worker is lost, and its lease over.
    Reap,
    /// It is thought lost, and goes on.
    ReapEarly,
    /// The poller looks at the parent.
    LookAtParent,
    /// The poller looks at a group.
    LookAtGroup(usize),
    /// An actor is lost.
    Crash(usize),
    /// An actor's write stands, and it is told that it has failed: it does it again.
    Doubt(usize),
    /// The parent fails for good.
    GiveUp,
    /// A failed member is set going again.
    RedriveMember(usize, usize),
    /// The parent is called off.
    CancelParent,
    /// The parent is set going again.
    RedriveParent,
    /// A group is called off by itself.
    CancelGroup(usize),
    /// A member adds another.
    Add(usize),
}

impl Action {
    /// Who is behind it.
    pub fn cause(&self) -> Cause {
        match self {
            Action::Step(_) | Action::Claim => Cause::Own,
            Action::End(..) => Cause::Work,
            Action::Reap | Action::LookAtParent | Action::LookAtGroup(_) => Cause::Look,
            Action::Crash(_) | Action::Doubt(_) | Action::ReapEarly => Cause::Fault,
            Action::GiveUp
            | Action::RedriveMember(..)
            | Action::CancelParent
            | Action::RedriveParent
            | Action::CancelGroup(_)
            | Action::Add(_) => Cause::Outside,
        }
    }
}

impl Walked for GroupModel {
    fn told(before: &System, action: &Action) -> String {
        let (Action::Step(at) | Action::Crash(at) | Action::Doubt(at)) = action else { return format!("{action:?}") };
        let Actor { group, act } = before.actors[*at];
        format!("{action:?} of group {group}: {act:?}")
    }
}

/// All that may be possible in `system`, the next of its own doing first. What turns out to change nothing is left out later.
pub(super) fn possible(model: &GroupModel, system: &System, actions: &mut Vec<Action>) {
    let actors = 0..system.actors.len();
    let has_room = actors.len() < model.actors;
    actions.extend(actors.clone().map(Action::Step));
    if has_room {
        actions.push(Action::Claim);
    }
    let living = |group: usize| {
        (0..PART * PARTS).filter(move |member| system.groups[group].members[*member].is_live()).map(move |m| (group, m))
    };
    for (group, member) in (0..DRIVES).flat_map(living).filter(|_| has_room) {
        actions.push(Action::End(group, member, true));
        // Whether it ended well makes a difference to who might redrive it.
        actions.extend((system.wishes > 0).then_some(Action::End(group, member, false)));
    }
    let works = |actor: &Actor| matches!(actor.act, Act::Work { execution, .. } if execution == system.executions);
    if system.parent == Parent::Running {
        let alive = system.actors.iter().any(works);
        actions.push(if alive { Action::ReapEarly } else { Action::Reap });
    }
    if has_room {
        actions.push(Action::LookAtParent);
        actions.extend((0..DRIVES).map(Action::LookAtGroup));
    }
    if system.faults > 0 {
        actions.extend(actors.flat_map(|at| [Action::Crash(at), Action::Doubt(at)]));
    } else {
        actions.retain(|action| *action != Action::ReapEarly);
    }
    if system.wishes > 0 {
        actions.extend([Action::GiveUp, Action::CancelParent, Action::RedriveParent]);
        for group in 0..DRIVES {
            actions.extend((0..PART * PARTS).map(|member| Action::RedriveMember(group, member)));
            actions.extend([Action::CancelGroup(group), Action::Add(group)]);
        }
    }
}

/// The system after `action`; `None` if that changes nothing.
pub(super) fn taken(model: &GroupModel, before: &System, action: Action) -> Option<System> {
    let mut system = before.clone();
    match action.cause() {
        Cause::Fault => {
            system.faults -= 1;
            system.history.faulty = true;
        }
        Cause::Outside => system.wishes -= 1,
        Cause::Own | Cause::Work | Cause::Look => {}
    }
    match action {
        Action::Step(at) => {
            let actor = system.actors.remove(at);
            let goes_on;
            (system, goes_on) = step(model, system, actor);
            system.actors.extend(goes_on);
        }
        Action::Claim => claim(model, &mut system)?,
        Action::End(group, member, well) => afterwards::end(&mut system, group, member, well)?,
        Action::Reap | Action::ReapEarly => system.parent = Parent::Pending,
        Action::LookAtParent => looks::at_the_parent(model, &mut system)?,
        Action::LookAtGroup(group) => looks::at_the_group(model, &mut system, group)?,
        Action::Crash(at) => drop(system.actors.remove(at)),
        Action::Doubt(at) => {
            let actor = system.actors.remove(at);
            let written = step(model, system, actor).0;
            let is_written = written.groups != before.groups || written.parent != before.parent;
            is_written.then_some(())?;
            system = written;
            let mut doubts = actor;
            doubts.act.go_stale();
            system.actors.push(doubts);
        }
        Action::GiveUp => {
            (system.parent == Parent::Running).then_some(())?;
            system.parent = Parent::Failed;
        }
        Action::RedriveMember(group, member) => asked::redrive_member(model, &mut system, group, member)?,
        Action::CancelParent => asked::cancel_parent(model, &mut system)?,
        Action::RedriveParent => asked::redrive_parent(&mut system)?,
        Action::CancelGroup(group) => asked::cancel_group(&mut system, group)?,
        Action::Add(group) => asked::add(model, &mut system, group)?,
    }
    system.actors.sort_unstable();
    (system != *before).then_some(system)
}

fn step(model: &GroupModel, system: System, actor: Actor) -> (System, Vec<Actor>) {
    match actor.act {
        Act::Work { .. } => worker::step(model, system, actor),
        _ => afterwards::step(model, system, actor),
    }
}

fn claim(model: &GroupModel, system: &mut System) -> Option<()> {
    (system.parent == Parent::Pending).then_some(())?;
    system.parent = Parent::Running;
    system.executions += 1;
    let group = worker::group_of(model, system.drive);
    let first = worker::first_step(system.groups[group].root.as_ref());
    let act = Act::Work { execution: system.executions, drive: system.drive, step: first };
    system.actors.push(Actor { group, act });
    Some(())
}
