//! What follows a member's end, write by write: mark, part full, root patched, completed, parent told.

use crate::{
    group::{Act, Actor, GroupModel, Member, PART, Parent, Root, Standing, System},
    wrong::Wrong,
};

type Next = (System, Vec<Actor>);

/// The next write of `actor`, who is no longer among the actors; and who goes on.
pub(super) fn step(model: &GroupModel, system: System, actor: Actor) -> Next {
    let group = actor.group;
    let on = |system: System, act: Act| (system, vec![Actor { group, act }]);
    match actor.act {
        Act::Work { .. } => (system, Vec::new()),
        Act::Mark { member, redrives, read } => mark(model, system, group, (member, redrives, read)),
        Act::Look => {
            let Some(root) = system.groups[group].root.filter(Root::is_open) else { return (system, Vec::new()) };
            match system.groups[group].unnoticed(model, &root) {
                Some(part) => on(system, Act::Patch { part, looking: true }),
                None if root.is_full() => on(system, read_full(model)),
                None => (system, Vec::new()),
            }
        }
        Act::Patch { part, looking } => {
            let mut system = system;
            let Some(mut root) = system.groups[group].root else { return (system, Vec::new()) };
            root.full[part] = true;
            system.write_root(group, root);
            match root.is_full() {
                true => on(system, read_full(model)),
                false if looking => on(system, Act::Look),
                false => (system, Vec::new()),
            }
        }
        Act::Reread { fresh } => {
            let Some(root) = system.groups[group].root else { return (system, Vec::new()) };
            // What it had read is an old version: it reads the root again, and then the parts.
            let full = root.is_full() && system.groups[group].parts_are_full(model, &root);
            let next = if fresh { Act::Complete { fresh } } else { Act::Reread { fresh: true } };
            if full { on(system, next) } else { (system, Vec::new()) }
        }
        Act::Complete { fresh } => complete(model, system, group, fresh),
        Act::Callback => {
            let mut system = system;
            system.groups[group].callbacks += 1;
            on(system, Act::Ready)
        }
        Act::Ready => (ready(model, system, group), Vec::new()),
        Act::TakeBack { member, redrives, root } => take_back(model, system, group, (member, redrives, root)),
    }
}

/// The mark's own answer shows the part as it is then, with what others have marked before.
fn mark(model: &GroupModel, mut system: System, group: usize, what: (usize, u8, Option<[bool; PART]>)) -> Next {
    let (member, redrives, read) = what;
    let (number, place) = (member / PART, member % PART);
    let Some(part) = &mut system.groups[group].parts[number] else { return (system, Vec::new()) };
    let before = part.marks.map(|mark| matches!(mark, super::Mark::Ended(_)));
    if model.is(Wrong::PartReadBefore) && read.is_none() {
        return (system, vec![Actor { group, act: Act::Mark { member, redrives, read: Some(before) } }]);
    }
    if !part.take(model, place, redrives) {
        return (system, Vec::new());
    }
    let part = *part;
    let Some(root) = system.groups[group].root else { return (system, Vec::new()) };
    let seemed = |read: [bool; PART]| (0..PART).all(|at| read[at] || at == place || number * PART + at >= root.total);
    let is_full = part.is_full(model, number, &root) && read.is_none_or(seemed);
    let next = Actor { group, act: Act::Patch { part: number, looking: false } };
    (system, if is_full && root.is_open() { vec![next] } else { Vec::new() })
}

/// After a root that says that all is full.
fn read_full(model: &GroupModel) -> Act {
    if model.is(Wrong::CompleteWithoutReread) { Act::Complete { fresh: true } } else { Act::Reread { fresh: true } }
}

/// One commit: the root, if it is as it was read, and the callback.
fn complete(model: &GroupModel, mut system: System, group: usize, fresh: bool) -> Next {
    let on = |system: System, act: Act| (system, vec![Actor { group, act }]);
    let Some(root) = system.groups[group].root.filter(Root::is_open) else { return (system, Vec::new()) };
    if !fresh && !model.is(Wrong::CompleteUnversioned) {
        return if root.is_full() { on(system, read_full(model)) } else { (system, Vec::new()) };
    }
    system.history.early |= !system.groups[group].all_ended();
    system.write_root(group, Root { standing: Standing::Done, ..root });
    if model.is(Wrong::CallbackApart) {
        return on(system, Act::Callback);
    }
    system.groups[group].callbacks += 1;
    on(system, Act::Ready)
}

/// Applies to a parent that waits for this group, and to no other.
pub(super) fn ready(model: &GroupModel, mut system: System, group: usize) -> System {
    let applies = match system.parent {
        Parent::Waiting(on) => on == group || model.is(Wrong::ReadyUnaddressed),
        Parent::Pending => model.is(Wrong::ReadyWhereverItIs),
        _ => false,
    };
    if applies {
        system.history.strayed |= system.parent != Parent::Pending && system.parent != Parent::Waiting(group);
        system.history.starts[system.drive] += 1;
        system.parent = Parent::Pending;
    }
    system
}

/// The rest of a redrive that is no transaction.
fn take_back(model: &GroupModel, mut system: System, group: usize, what: (usize, u8, bool)) -> Next {
    let (member, redrives, is_root) = what;
    if is_root {
        unnotice(&mut system, group, member / PART);
        return (system, vec![Actor { group, act: Act::TakeBack { member, redrives, root: false } }]);
    }
    if let Some(part) = &mut system.groups[group].parts[member / PART] {
        part.take_back(model, member % PART, redrives);
    }
    (system, Vec::new())
}

/// The root no longer says that this part is full.
pub(super) fn unnotice(system: &mut System, group: usize, part: usize) {
    if let Some(mut root) = system.groups[group].root.filter(Root::is_open) {
        root.full[part] = false;
        system.write_root(group, root);
    }
}

/// A member's end, and who is to mark it.
pub(super) fn end(system: &mut System, group: usize, member: usize, well: bool) -> Option<()> {
    let Member::Live(redrives) = system.groups[group].members[member] else { return None };
    system.groups[group].members[member] = if well { Member::Ended(redrives) } else { Member::Failed(redrives) };
    system.actors.push(Actor { group, act: Act::Mark { member, redrives, read: None } });
    Some(())
}

impl Act {
    /// Somebody has written the root that this had read.
    pub(super) fn go_stale(&mut self) {
        if let Act::Reread { fresh } | Act::Complete { fresh } = self {
            *fresh = false;
        }
    }
}
