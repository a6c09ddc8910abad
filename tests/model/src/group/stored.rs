//! What is stored of a group: its root, its parts, its members' tasks; and of its parent.

use crate::group::{PART, PARTS};

/// Where the parent is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parent {
    /// To be claimed.
    #[default]
    Pending,
    /// Held by the worker of its newest execution.
    Running,
    /// For this group.
    Waiting(usize),
    /// It ended well.
    Completed,
    /// Given up.
    Failed,
    /// Called off.
    Cancelled,
}

/// How a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Members may come and end.
    Open,
    /// All members have ended.
    Done,
    /// Called off; `swept`: none of its members lives.
    Cancelled {
        /// Whether the looks are through.
        swept: bool,
    },
}

/// The group's own record. Its version is left out: who holds an older one is not fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Root {
    /// How it stands.
    pub standing: Standing,
    /// Whether its parent's handler adds no more.
    pub sealed: bool,
    /// Members that it has, or is about to have.
    pub total: usize,
    /// Which parts are known to be full.
    pub full: [bool; PARTS],
}

/// What a part says of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It has ended in this drive of its own.
    Ended(u8),
    /// Its end of this drive was taken back.
    TakenBack(u8),
}

/// Up to [`PART`] members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Part {
    /// One mark a member.
    pub marks: [Mark; PART],
    /// Ends counted: what a wrong variant goes by.
    pub counted: usize,
}

/// A member's task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Member {
    /// Not made.
    #[default]
    None,
    /// In this drive of its own.
    Live(u8),
    /// Ended well, or called off.
    Ended(u8),
    /// Ended, and may be redriven.
    Failed(u8),
}

/// A group with all that belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// Its own record.
    pub root: Option<Root>,
    /// Its parts, if they are made.
    pub parts: [Option<Part>; PARTS],
    /// Its members' tasks.
    pub members: [Member; PART * PARTS],
    /// Members that another added.
    pub added: [bool; PART * PARTS],
    /// Tasks made by its completion.
    pub callbacks: u8,
}
