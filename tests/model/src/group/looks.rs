//! The looks: what a crash has left behind is found by them, and nothing else.

use crate::{
    group::{Act, Actor, Group, GroupModel, Member, Parent, Root, Standing, System, afterwards, worker},
    wrong::Wrong,
};

/// The slow look at a parent that waits: its group may be over.
pub(super) fn at_the_parent(model: &GroupModel, system: &mut System) -> Option<()> {
    let Parent::Waiting(group) = system.parent else { return None };
    let root = system.groups[group].root?;
    let is_over = match root.standing {
        Standing::Cancelled { swept } => swept && !model.is(Wrong::CancelTellsNobody),
        Standing::Done => true,
        Standing::Open => false,
    };
    (is_over && !model.is(Wrong::WaitingUnwatched)).then_some(())?;
    *system = afterwards::ready(model, system.clone(), group);
    Some(())
}

/// The look at a group.
pub(super) fn at_the_group(model: &GroupModel, system: &mut System, number: usize) -> Option<()> {
    let group = system.groups[number];
    let root = group.root?;
    match root.standing {
        Standing::Done => None,
        Standing::Cancelled { swept: true } => None,
        Standing::Cancelled { swept: false } => sweep(model, system, number, root),
        Standing::Open if !root.sealed => unsealed(model, system, number, root),
        Standing::Open if model.is(Wrong::GroupUnwatched) => None,
        Standing::Open => repair(model, system, number, &group, &root),
    }
}

/// Cancels the next member that lives; with the last of them the group is over.
fn sweep(model: &GroupModel, system: &mut System, number: usize, root: Root) -> Option<()> {
    let known = system.groups[number].members.iter_mut().take(root.total);
    if let Some(member) = known.into_iter().find(|member| member.is_live()) {
        let Member::Live(redrives) = *member else { return None };
        *member = Member::Ended(redrives);
        return Some(());
    }
    system.write_root(number, Root { standing: Standing::Cancelled { swept: true }, ..root });
    if !model.is(Wrong::CancelTellsNobody) {
        system.actors.push(Actor { group: number, act: Act::Ready });
    }
    Some(())
}

/// It dies with its parent, or with the drive that made it, and of no age.
fn unsealed(model: &GroupModel, system: &mut System, number: usize, root: Root) -> Option<()> {
    let is_its = worker::group_of(model, system.drive) == number;
    let ended = matches!(system.parent, Parent::Completed | Parent::Failed | Parent::Cancelled);
    let orphaned = !is_its || ended;
    ((orphaned && !model.is(Wrong::UnsealedForever)) || model.is(Wrong::UnsealedByAge)).then_some(())?;
    system.history.usurped |= !orphaned;
    system.write_root(number, Root { standing: Standing::Cancelled { swept: false }, ..root });
    Some(())
}

/// What is not marked, not noticed or not completed.
fn repair(model: &GroupModel, system: &mut System, number: usize, group: &Group, root: &Root) -> Option<()> {
    let act = match group.unmarked(root) {
        Some((member, redrives)) => Act::Mark { member, redrives, read: None },
        None if group.unnoticed(model, root).is_some() || root.is_full() => Act::Look,
        None => return None,
    };
    let actor = Actor { group: number, act };
    (!system.actors.contains(&actor)).then(|| system.actors.push(actor))
}
