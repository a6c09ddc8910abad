//! The parent's handler: it makes the group in fenced steps, seals it and waits; started again, it sees that all is over.

use crate::{
    group::{
        Act, Actor, Group, GroupModel, Member, PART, Parent, Part, Root, Standing, Step, System, afterwards, marks,
    },
    wrong::Wrong,
};

/// The group that a drive of the parent makes and waits for.
pub(super) fn group_of(model: &GroupModel, drive: usize) -> usize {
    if model.is(Wrong::GroupWithoutDrive) { 0 } else { drive }
}

/// What a new execution begins with, by what it reads.
pub(super) fn first_step(root: Option<&Root>) -> Step {
    match root {
        Some(root) if root.is_over() => Step::Finish,
        Some(root) if root.sealed || !root.is_open() => Step::Wait,
        _ => Step::Root,
    }
}

/// A worker's next write; where it goes on is said with the system after it.
pub(super) fn step(model: &GroupModel, mut system: System, actor: Actor) -> (System, Vec<Actor>) {
    let Act::Work { execution, step, .. } = actor.act else { return (system, Vec::new()) };
    let number = actor.group;
    let may_write = system.parent == Parent::Running && system.executions == execution;
    let group = &mut system.groups[number];
    let members_first = model.is(Wrong::PartsAfterMembers);
    let last = Step::Members(marks::parts_of(model.members) - 1);
    let next = match step {
        // Neither asks for the fence: what is made too late is found by a look.
        Step::Root => {
            let root = Root { standing: Standing::Open, sealed: false, total: 0, full: Default::default() };
            if group.root.is_none() {
                system.write_root(number, root);
            }
            if members_first { Step::Members(0) } else { Step::Parts }
        }
        Step::Parts => {
            let parts = group.parts.iter_mut().take(marks::parts_of(model.members));
            parts.filter(|part| part.is_none()).for_each(|part| *part = Some(Part::default()));
            if members_first { Step::Seal } else { Step::Members(0) }
        }
        Step::Members(part) => {
            let is_open = group.root.is_some_and(|root| root.is_open());
            if !may_write {
                return (system, Vec::new());
            }
            // The fence alone does not see that the group was called off, and swept.
            if !is_open && !model.is(Wrong::StepUnguarded) {
                return (system, goes_on(actor, Step::Wait));
            }
            make_members(model, &mut system, number, part);
            match step {
                step if step != last => Step::Members(part + 1),
                _ if members_first => Step::Parts,
                _ => Step::Seal,
            }
        }
        Step::Seal | Step::Wait | Step::Finish if !may_write => return (system, Vec::new()),
        Step::Seal => return seal(model, system, actor),
        Step::Wait => {
            system.parent = Parent::Waiting(number);
            if model.is(Wrong::WaitWithoutRecheck) {
                return (system, Vec::new());
            }
            Step::Recheck
        }
        Step::Recheck => {
            let is_over = group.root.is_some_and(|root| root.is_over());
            let ready = Actor { group: number, act: Act::Ready };
            return if is_over { afterwards::step(model, system, ready) } else { (system, Vec::new()) };
        }
        Step::Finish => {
            finish(&mut system, number);
            return (system, Vec::new());
        }
    };
    (system, goes_on(actor, next))
}

fn goes_on(actor: Actor, next: Step) -> Vec<Actor> {
    let Act::Work { execution, drive, .. } = actor.act else { return Vec::new() };
    vec![Actor { act: Act::Work { execution, drive, step: next }, ..actor }]
}

/// One commit: the root's total, and the tasks that are not there yet.
fn make_members(model: &GroupModel, system: &mut System, number: usize, part: usize) {
    let group: &mut Group = &mut system.groups[number];
    let end = (part * PART + PART).min(model.members);
    for member in part * PART..end {
        system.history.mistaken |= group.added[member];
        if group.members[member] == Member::None {
            group.members[member] = Member::Live(0);
        }
    }
    if let Some(root) = group.root {
        system.write_root(number, Root { total: root.total.max(end), ..root });
    }
}

/// Sealing ends with a look: all may have ended before.
fn seal(model: &GroupModel, mut system: System, actor: Actor) -> (System, Vec<Actor>) {
    let mut all = goes_on(actor, Step::Wait);
    let Some(root) = system.groups[actor.group].root.filter(Root::is_open) else { return (system, all) };
    system.write_root(actor.group, Root { sealed: true, ..root });
    if !model.is(Wrong::SealWithoutLook) {
        all.push(Actor { group: actor.group, act: Act::Look });
    }
    (system, all)
}

/// The handler has seen how its group ended, and the parent ends.
fn finish(system: &mut System, number: usize) {
    let root = system.groups[number].root;
    let called_off = system.history.called_off[number];
    system.history.misled |= root.is_none_or(|root| root.standing != Standing::Done && !called_off);
    system.parent = Parent::Completed;
}
