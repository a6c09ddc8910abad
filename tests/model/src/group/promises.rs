//! What is promised of a group, by name. Each is broken by at least one of [`Wrong`](crate::wrong::Wrong).

use stateright::Property;

use crate::{
    group::{Action, GroupModel, Mark, Parent, Root, Standing, System, worker},
    rest::{Cause, rest},
};

/// By `wait_all`, the default.
pub const ALL_ENDED: &str = "a group is done only once all its members have ended";
/// The parts are a cache of the members' tasks, and run behind them alone.
pub const MARKS: &str = "no mark speaks of an end that does not stand";
/// However many complete it.
pub const ONCE: &str = "a parent is started at most once a drive, and the callback made once";
/// A word of an earlier drive's group.
pub const STRAYED: &str = "a parent is started by the group that it waits for";
/// A redriven parent does not take the end of its last drive's group for that of its own.
pub const ITS_OWN: &str = "a parent that ends well has seen its own group's end";
/// A slow handler keeps its group.
pub const CALLED_OFF: &str = "a group is called off by who asks for it, or with its parent";
/// Two makers never meet on an index.
pub const NOT_MISTAKEN: &str = "no member is taken for another";
/// Those that would not end by themselves are cancelled.
pub const SWEPT: &str = "of a group that is called off every member ends, whatever it is at";
/// Looks are for what went wrong.
pub const PROMPT: &str = "without a fault no group or parent waits for a look";
/// Whatever went wrong before.
pub const REST: &str = "left alone, parent, group and members come to their end";

/// What must come to pass somewhere, or the promises were kept by nothing happening.
fn seen() -> Vec<Property<GroupModel>> {
    vec![
        Property::sometimes("a parent waits and ends well", |_, system: &System| {
            system.parent == Parent::Completed && system.history.starts[0] == 1
        }),
        Property::sometimes("a member of an open group ends again, and is marked again", |_, system: &System| {
            let open = system.groups[0].root.is_some_and(|root| root.is_open());
            open && system.groups[0].parts.iter().flatten().any(|part| part.marks.contains(&Mark::Ended(1)))
        }),
        Property::sometimes("a group is done with a member that was added", |_, system: &System| {
            system.groups[0].added.contains(&true) && is_done(system)
        }),
        Property::sometimes("a group that was called off is swept, and its parent ends", |_, system: &System| {
            let root = system.groups[0].root;
            let swept = root.is_some_and(|root| root.standing == Standing::Cancelled { swept: true });
            swept && system.parent == Parent::Completed
        }),
        Property::sometimes("a root says that all is full, and it no longer is", |model, system: &System| {
            let root = system.groups[0].root.filter(|root| root.sealed);
            root.is_some_and(|root| root.is_full() && !system.groups[0].parts_are_full(model, &root))
        }),
    ]
}

fn is_done(system: &System) -> bool {
    system.groups[0].root.is_some_and(|root| root.standing == Standing::Done)
}

pub(super) fn all() -> Vec<Property<GroupModel>> {
    let promised = [
        Property::always(ALL_ENDED, |_, system: &System| !system.history.early),
        Property::always(MARKS, |_, system: &System| marks_stand(system)),
        Property::always(ONCE, |_, system: &System| once(system)),
        Property::always(STRAYED, |_, system: &System| !system.history.strayed),
        Property::always(ITS_OWN, |_, system: &System| !system.history.misled),
        Property::always(CALLED_OFF, |_, system: &System| !system.history.usurped),
        Property::always(NOT_MISTAKEN, |_, system: &System| !system.history.mistaken),
        Property::always(SWEPT, swept),
        Property::always(PROMPT, |model, system: &System| system.history.faulty || is_prompt(model, system)),
        Property::always(REST, |model, system: &System| {
            let last = rest(model, system, Action::cause, &[Cause::Own, Cause::Work, Cause::Look]);
            last.is_some_and(|last| is_over(&last))
        }),
    ];
    promised.into_iter().chain(seen()).collect()
}

fn marks_stand(system: &System) -> bool {
    system.groups.iter().filter(|group| group.root.is_some_and(|root| root.is_open())).all(|group| {
        let marks = group.parts.iter().flat_map(|part| part.map_or_else(Default::default, |part| part.marks));
        marks.zip(group.members).all(|(mark, member)| match mark {
            Mark::Ended(redrives) => member.ended() == Some(redrives),
            Mark::None | Mark::TakenBack(_) => true,
        })
    })
}

fn once(system: &System) -> bool {
    system.history.starts.iter().all(|starts| *starts <= 1) && system.groups.iter().all(|group| group.callbacks <= 1)
}

/// Where the members of a group that is called off do nothing by themselves, the looks end them.
fn swept(model: &GroupModel, system: &System) -> bool {
    let called_off = |number: &usize| {
        let is_the_parents = *number == worker::group_of(model, system.drive) && system.parent == Parent::Cancelled;
        system.groups[*number].root.is_some_and(|root| match root.standing {
            Standing::Cancelled { .. } => true,
            Standing::Open => is_the_parents,
            Standing::Done => false,
        })
    };
    let called_off: Vec<usize> = (0..system.groups.len()).filter(called_off).collect();
    if called_off.is_empty() {
        return true;
    }
    let last = rest(model, system, Action::cause, &[Cause::Own, Cause::Look]);
    last.is_some_and(|last| called_off.iter().all(|number| !last.groups[*number].lives()))
}

/// Whether, without a look, each group that is sealed gets done, and a parent that waits is started. Only where something is
/// called off, it is looks that do it.
fn is_prompt(model: &GroupModel, system: &System) -> bool {
    let Some(last) = rest(model, system, Action::cause, &[Cause::Own, Cause::Work]) else { return false };
    let is_left = |root: Root| root.is_open() && root.sealed;
    let waits_for_a_look = |root: Root| matches!(root.standing, Standing::Cancelled { swept: false });
    let waits_for_nothing = match last.parent {
        Parent::Waiting(group) => !last.groups[group].root.is_some_and(waits_for_a_look),
        _ => false,
    };
    !waits_for_nothing && !last.groups.iter().any(|group| group.root.is_some_and(is_left))
}

/// Whether there is nothing left to do: the parent has ended, every group is over, no member lives.
fn is_over(system: &System) -> bool {
    let ended = matches!(system.parent, Parent::Completed | Parent::Failed | Parent::Cancelled);
    let groups_over = system.groups.iter().all(|group| {
        let done = group.root.is_some_and(|root| root.standing == Standing::Done);
        group.root.is_none_or(|root| root.is_over()) && group.callbacks == u8::from(done) && !group.lives()
    });
    ended && groups_over && system.actors.is_empty()
}
