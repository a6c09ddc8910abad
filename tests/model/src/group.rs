//! A group: made by its parent's handler, marked by its members as they end, completed once, and waited for.
//!
//! What [`crate::task`] shows of a task is taken for granted: a member's end and what a worker writes under its fence are one
//! step each. All that comes after such a commit is a chain of single writes, which may break off before and after each.

mod actions;
mod afterwards;
mod asked;
mod looks;
mod marks;
pub mod promises;
mod stored;
mod worker;

use stateright::{Model, Property};

use crate::wrong::Wrong;
pub use actions::Action;
pub use stored::{Group, Mark, Member, Parent, Part, Root, Standing};

/// Members of one part.
pub const PART: usize = 2;
/// Parts of a group.
pub const PARTS: usize = 2;
/// Drives of the parent.
pub const DRIVES: usize = 2;

/// How far the checker goes.
#[derive(Clone, Copy, Debug)]
pub struct GroupModel {
    /// The guard that is missing, if one is.
    pub wrong: Option<Wrong>,
    /// Members that the handler makes, 1 to 4.
    pub members: usize,
    /// Crashes, lost answers, and workers thought dead, at most.
    pub faults: u8,
    /// How often somebody cancels, redrives, gives up or adds a member.
    pub wishes: u8,
    /// How many act at the same time.
    pub actors: usize,
}

/// How far a worker of the parent has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Makes the root.
    Root,
    /// Makes the parts.
    Parts,
    /// Makes the members of this part, in one fenced step.
    Members(usize),
    /// Says that these are all.
    Seal,
    /// Ends the execution: the parent waits.
    Wait,
    /// Looks whether what it waits for has come to an end meanwhile.
    Recheck,
    /// Ends the parent well.
    Finish,
}

/// What somebody does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    /// A worker of the parent, in this execution and drive.
    Work {
        /// Its fence.
        execution: u8,
        /// Of which drive.
        drive: usize,
        /// What it does next.
        step: Step,
    },
    /// Marks a member that has ended in this drive of its own.
    Mark {
        /// Which.
        member: usize,
        /// Its `redrives` at its end.
        redrives: u8,
        /// What it had read of the part before: what a wrong variant goes by.
        read: Option<[bool; PART]>,
    },
    /// Looks at an open group's parts.
    Look,
    /// Tells the root that a part is full.
    Patch {
        /// Which.
        part: usize,
        /// Whether it looks on afterwards.
        looking: bool,
    },
    /// Has read a root that says that all parts are full, and reads these.
    Reread {
        /// Whether nobody has written the root since.
        fresh: bool,
    },
    /// Completes the group, if the root is as it was read.
    Complete {
        /// Whether nobody has written the root since.
        fresh: bool,
    },
    /// Makes the callback apart from the completion.
    Callback,
    /// Tells the parent that its wait is over.
    Ready,
    /// Takes back what is said of a member that is set going again, apart from that.
    TakeBack {
        /// Which.
        member: usize,
        /// Its `redrives` before.
        redrives: u8,
        /// First the root's, then the part's.
        root: bool,
    },
}

/// Somebody in the middle of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actor {
    /// Of which group.
    pub group: usize,
    /// What it does next.
    pub act: Act,
}

/// What has happened, for the promises to judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// Whether anything went wrong so far.
    pub faulty: bool,
    /// Whether a group was completed while a member lived.
    pub early: bool,
    /// How often each drive of the parent was started out of its wait.
    pub starts: [u8; DRIVES],
    /// Whether a drive was started by the end of another's group.
    pub strayed: bool,
    /// Groups that somebody called off by themselves.
    pub called_off: [bool; DRIVES],
    /// Whether a member of the handler's was taken for one that another had added.
    pub mistaken: bool,
    /// Whether a group was called off though nobody asked for it, and its parent was at it.
    pub usurped: bool,
    /// Whether the parent was told a group's end, and this was not its end.
    pub misled: bool,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct System {
    /// The parent.
    pub parent: Parent,
    /// Its fence.
    pub executions: u8,
    /// Its drive.
    pub drive: usize,
    /// Its groups, one a drive.
    pub groups: [Group; DRIVES],
    /// Who is in the middle of something; sorted, so that their order makes no difference.
    pub actors: Vec<Actor>,
    /// Faults left.
    pub faults: u8,
    /// Wishes left.
    pub wishes: u8,
    /// What has happened.
    pub history: History,
}

impl GroupModel {
    /// The bounds that every run of the tests goes to: two wishes without a fault, and a fault in the midst of two parts.
    pub fn bounded(wrong: Option<Wrong>) -> [Self; 2] {
        let small = Self { wrong, members: 2, faults: 0, wishes: 2, actors: 3 };
        [small, Self { members: 3, faults: 1, wishes: 1, ..small }]
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }
}

impl Model for GroupModel {
    type State = System;
    type Action = Action;

    fn init_states(&self) -> Vec<System> {
        vec![System {
            parent: Parent::Pending,
            executions: 0,
            drive: 0,
            groups: Default::default(),
            actors: Vec::new(),
            faults: self.faults,
            wishes: self.wishes,
            history: History::default(),
        }]
    }

    fn actions(&self, system: &System, actions: &mut Vec<Action>) {
        actions::possible(self, system, actions);
    }

    fn next_state(&self, system: &System, action: Action) -> Option<System> {
        actions::taken(self, system, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}
