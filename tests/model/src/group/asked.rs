//! What is asked for from outside: cancel, redrive, more members.

use crate::{
    group::{
        Act, Actor, DRIVES, GroupModel, Member, PART, PARTS, Parent, Part, Root, Standing, System, afterwards, worker,
    },
    wrong::Wrong,
};

/// Sets a failed member going again: with an open group in one commit with what root and part say of it.
pub(super) fn redrive_member(model: &GroupModel, system: &mut System, group: usize, member: usize) -> Option<()> {
    let Member::Failed(redrives) = system.groups[group].members[member] else { return None };
    let root = system.groups[group].root?;
    // A member of a group that was called off would call itself off.
    (!matches!(root.standing, Standing::Cancelled { .. })).then_some(())?;
    system.groups[group].members[member] = Member::Live(redrives + 1);
    if !root.is_open() {
        return Some(());
    }
    if model.is(Wrong::RedriveApart) {
        system.actors.push(Actor { group, act: Act::TakeBack { member, redrives, root: true } });
        return Some(());
    }
    afterwards::unnotice(system, group, member / PART);
    if let Some(part) = &mut system.groups[group].parts[member / PART] {
        part.take_back(model, member % PART, redrives);
    }
    Some(())
}

/// Calls the parent off, and in the same commit the group that it is at.
pub(super) fn cancel_parent(model: &GroupModel, system: &mut System) -> Option<()> {
    matches!(system.parent, Parent::Pending | Parent::Running | Parent::Waiting(_)).then_some(())?;
    system.parent = Parent::Cancelled;
    if !model.is(Wrong::CancelParentAlone) {
        call_off(system, worker::group_of(model, system.drive));
    }
    Some(())
}

/// Calls a group off that is open; its parent goes on once its members have ended.
pub(super) fn cancel_group(system: &mut System, group: usize) -> Option<()> {
    system.groups[group].root.filter(Root::is_open)?;
    call_off(system, group);
    system.history.called_off[group] = true;
    Some(())
}

fn call_off(system: &mut System, group: usize) {
    if let Some(root) = system.groups[group].root.filter(Root::is_open) {
        system.write_root(group, Root { standing: Standing::Cancelled { swept: false }, ..root });
    }
}

/// Sets the parent going again, in a drive of its own.
pub(super) fn redrive_parent(system: &mut System) -> Option<()> {
    let ended = matches!(system.parent, Parent::Failed | Parent::Cancelled);
    (ended && system.drive + 1 < DRIVES).then_some(())?;
    system.drive += 1;
    system.parent = Parent::Pending;
    Some(())
}

/// A member that lives adds another: at the end, once the handler adds no more.
pub(super) fn add(model: &GroupModel, system: &mut System, number: usize) -> Option<()> {
    let group = &mut system.groups[number];
    let root = group.root.filter(Root::is_open)?;
    let may = root.sealed || model.is(Wrong::AddedBeforeSeal);
    (may && root.total < PART * PARTS && group.members.iter().any(|member| member.is_live())).then_some(())?;
    group.parts[root.total / PART].get_or_insert(Part::default());
    group.members[root.total] = Member::Live(0);
    group.added[root.total] = true;
    system.write_root(number, Root { total: root.total + 1, ..root });
    Some(())
}
