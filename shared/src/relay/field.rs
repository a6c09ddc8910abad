//! The names of what a counter counts: short, since they are attribute names, stored with every counter.
//!
//! | name | what it counts |
//! |---|---|
//! | `{s}/{project}/{queue}/{lane}/{type}` | tasks by status: `p`, `r`, `c`, `f`, `x` (cancelled), `b` |
//! | `n/{project}/{queue}` | changes of status, inserts included |
//! | `e/{project}/{queue}` | no count: when a task was last processed, in milliseconds since 1970 |
//! | `{s}/`, `n/`, `e/` | the same of everybody |
//! | `{s}/*`, `n/*`, `e/*` | what found no room in a counter with too many names: [`Field::rest`] |
//!
//! `default` is written as nothing. With a `/` in it none is the name of an index's key.

use serde::{Deserialize, Serialize};

use super::Change;
use crate::{ids::Name, lifecycle::Status};

const CHANGES: &str = "n";
const LAST_PROCESSED: &str = "e";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Field(String);

/// A field's name, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it counts.
    pub what: What,
    /// Of which project and queue; `None` of everybody's, and of the rest.
    pub queue: Option<(Name, Name)>,
    /// Of which lane and type, where it counts tasks.
    pub kind: Option<(Name, Name)>,
}

/// What a field counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Tasks in this status.
    Tasks(Status),
    /// Changes of status.
    Changes,
    /// Nothing: it is when a task was last processed.
    LastProcessed,
}

impl Field {
    /// The tasks like `of`'s in this status; `None` is everybody's.
    pub(super) fn tasks(of: Option<&Change>, status: Status) -> Self {
        let of = of.map(|of| [&of.project, &of.queue, &of.lane, &of.task_type].map(short).join("/"));
        Self(format!("{}/{}", letter(status), of.unwrap_or_default()))
    }

    /// The changes in the queue of `of`.
    pub(super) fn changes(of: Option<&Change>) -> Self {
        Self::of_queue(CHANGES, of)
    }

    /// When a task of the queue of `of` was last processed.
    pub(super) fn last_processed(of: Option<&Change>) -> Self {
        Self::of_queue(LAST_PROCESSED, of)
    }

    fn of_queue(what: &str, of: Option<&Change>) -> Self {
        let of = of.map(|of| [&of.project, &of.queue].map(short).join("/"));
        Self(format!("{what}/{}", of.unwrap_or_default()))
    }

    /// Whether it is a time, to be replaced by a later one, and no count.
    pub fn is_time(&self) -> bool {
        self.0.split_once('/').is_some_and(|(what, _)| what == LAST_PROCESSED)
    }

    /// The field of the same for all queues, lanes and types that find no room.
    pub fn rest(&self) -> Option<Self> {
        self.0.split_once('/').map(|(what, _)| Self(format!("{what}/*")))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a name; `None` if it is none.
    pub fn read(name: &str) -> Option<Named> {
        let (what, of) = name.split_once('/')?;
        let what = match what {
            CHANGES => What::Changes,
            LAST_PROCESSED => What::LastProcessed,
            letter => What::Tasks(Status::ALL.into_iter().find(|status| self::letter(*status) == letter)?),
        };
        let parts: Vec<&str> = of.split('/').collect();
        let (queue, kind) = match (what, parts.as_slice()) {
            (_, ["" | "*"]) => (None, None),
            (What::Changes | What::LastProcessed, [project, queue]) => (Some((long(project)?, long(queue)?)), None),
            (What::Tasks(_), [project, queue, lane, kind]) => {
                (Some((long(project)?, long(queue)?)), Some((long(lane)?, long(kind)?)))
            }
            _ => return None,
        };
        Some(Named { what, queue, kind })
    }
}

fn letter(status: Status) -> &'static str {
    match status {
        Status::Pending => "p",
        Status::Running => "r",
        Status::Completed => "c",
        Status::Failed => "f",
        Status::Cancelled => "x",
        Status::Blocked => "b",
    }
}

fn short(name: &Name) -> &str {
    if *name == Name::default() { "" } else { name.as_str() }
}

fn long(text: &str) -> Option<Name> {
    if text.is_empty() { Some(Name::default()) } else { Name::new(text).ok() }
}
