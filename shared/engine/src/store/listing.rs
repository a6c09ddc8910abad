//! Lists of tasks: which there are, and their order.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{Id, Name},
    lifecycle::{FailureKind, Fingerprint, KeptFailure, Priority, State, Status, Task},
};

/// What a list by queue divides tasks into: what has not ended stands together, so that a claim moves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    /// Pending, running or waiting: by priority, then oldest first.
    Open,
    /// Completed: newest end first, as with all that follow.
    Completed,
    /// Tasks that failed for good.
    Failed,
    /// Tasks that were called off.
    Cancelled,
    /// Tasks that wait for a person.
    Blocked,
}

impl Bucket {
    /// All buckets, the open one first.
    pub const ALL: [Bucket; 5] = [Bucket::Open, Bucket::Completed, Bucket::Failed, Bucket::Cancelled, Bucket::Blocked];

    /// The bucket of a status.
    pub fn of(status: Status) -> Self {
        match status {
            Status::Pending | Status::Running | Status::Waiting => Bucket::Open,
            Status::Completed => Bucket::Completed,
            Status::Failed => Bucket::Failed,
            Status::Cancelled => Bucket::Cancelled,
            Status::Blocked => Bucket::Blocked,
        }
    }

    /// The name in keys and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Bucket::Open => "open",
            Bucket::Completed => "completed",
            Bucket::Failed => "failed",
            Bucket::Cancelled => "cancelled",
            Bucket::Blocked => "blocked",
        }
    }
}

/// A list of tasks, as a store keeps it in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// One queue's tasks in one bucket: open ones by priority, then age; ended ones newest end first.
    Queue {
        /// The tenant's project.
        project: Name,
        /// The named list within the project.
        queue: Name,
        /// The part of it, by what became of the tasks.
        bucket: Bucket,
    },
    /// All tasks about a user, newest first.
    User(Id),
    /// All tasks that follow from a task, newest first.
    Children(Uuid),
}

/// What of a list to leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only what stands in this bucket: of a queue's list everything does, of a user's not.
    pub bucket: Option<Bucket>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only this lane.
    pub lane: Option<Name>,
    /// Only this type.
    pub task_type: Option<Name>,
    /// Only what changed after this.
    pub updated_after: Option<Timestamp>,
    /// Only what failed of this.
    pub failure_kind: Option<FailureKind>,
    /// Only what failed of the same.
    pub fingerprint: Option<Fingerprint>,
    /// Only what ended after this.
    pub ended_after: Option<Timestamp>,
    /// Only what ended before this.
    pub ended_before: Option<Timestamp>,
}

/// A list, and what of it to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The tenant whose tasks are listed.
    pub tenant: Name,
    /// The list that the page is of.
    pub listing: Listing,
    /// What to leave out.
    pub filter: Filter,
}

/// A task's place in a list's order: priority rank (1 byte), milliseconds (6) and id (16), big-endian, so that
/// comparing bytes compares places. Lists that are newest first run from high to low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position([u8; 23]);

impl Position {
    /// Before every task of this priority in a queue's list of open tasks.
    pub fn before(priority: Priority) -> Self {
        Self::new(priority.rank(), Timestamp::from_millis(0), Uuid::nil())
    }

    /// Of these [parts](Self::parts).
    pub fn new(rank: u8, at: Timestamp, id: Uuid) -> Self {
        let mut bytes = [0; 23];
        let (head, tail) = bytes.split_at_mut(7);
        // The years after 1970 up to 9999 fit 48 bits.
        head.copy_from_slice(
            &((u64::from(rank) << 48) | u64::try_from(at.as_millis()).unwrap_or(0)).to_be_bytes()[1..],
        );
        tail.copy_from_slice(id.as_bytes());
        Self(bytes)
    }

    /// Where `task` stands in its queue's list of the bucket it is in.
    pub fn in_queue(task: &Task) -> Self {
        match task.ended_at {
            Some(at) => Self::new(0, at, task.key.id),
            None => Self::new(task.priority.rank(), task.created_at, task.key.id),
        }
    }

    /// Where `task` stands in the list of its user, or of the task that it follows from.
    pub fn by_age(task: &Task) -> Self {
        Self::new(0, task.created_at, task.key.id)
    }

    /// Where, in a queue's list of ended tasks (newest first), those begin that ended before `at`.
    pub fn ended_before(at: Timestamp) -> Self {
        Self::new(0, at, Uuid::nil())
    }

    /// The bytes, for a store's key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the bytes that a store's key has kept.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The rank, instant and id it was made of.
    pub fn parts(&self) -> (u8, Timestamp, Uuid) {
        let mut head = [0; 8];
        let mut tail = [0; 16];
        head[1..].copy_from_slice(&self.0[..7]);
        tail.copy_from_slice(&self.0[7..]);
        let number = u64::from_be_bytes(head);
        let ms = i64::try_from(number & 0xffff_ffff_ffff).unwrap_or(0);
        let rank = u8::try_from(number >> 48).unwrap_or(0);
        (rank, Timestamp::from_millis(ms), Uuid::from_bytes(tail))
    }

    /// The text of a cursor.
    pub fn to_cursor(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads the text of a cursor.
    pub fn from_cursor(text: &str) -> Option<Self> {
        Self::from_bytes(&URL_SAFE_NO_PAD.decode(text).ok()?)
    }
}

impl Listing {
    /// Where `task` stands in this list, if it is in it.
    pub fn position(&self, task: &Task) -> Option<Position> {
        match self {
            Listing::Queue { project, queue, bucket } => {
                let here = task.project == *project && task.queue == *queue && Bucket::of(task.status()) == *bucket;
                here.then(|| Position::in_queue(task))
            }
            Listing::User(user) => (task.user_id.as_ref() == Some(user)).then(|| Position::by_age(task)),
            Listing::Children(parent) => (task.parent_id == Some(*parent)).then(|| Position::by_age(task)),
        }
    }

    /// Whether it runs from high positions to low.
    pub fn newest_first(&self) -> bool {
        match self {
            Listing::Queue { bucket, .. } => *bucket != Bucket::Open,
            Listing::User(_) | Listing::Children(_) => true,
        }
    }
}

impl Filter {
    /// Whether `task` is to be shown.
    pub fn shows(&self, task: &Task) -> bool {
        self.bucket.is_none_or(|bucket| bucket == Bucket::of(task.status()))
            && self.status.is_none_or(|status| status == task.status())
            && self.lane.as_ref().is_none_or(|lane| *lane == task.lane)
            && self.task_type.as_ref().is_none_or(|task_type| *task_type == task.task_type)
            && self.updated_after.is_none_or(|at| task.updated_at > at)
            && self.failure_kind.is_none_or(|kind| failure(task).map(|failure| failure.kind) == Some(kind))
            && self
                .fingerprint
                .as_ref()
                .is_none_or(|group| failure(task).is_some_and(|failure| failure.group(&task.task_type) == *group))
            && self.ended_after.is_none_or(|at| task.ended_at.is_some_and(|ended| ended > at))
            && self.ended_before.is_none_or(|at| task.ended_at.is_some_and(|ended| ended < at))
    }
}

fn failure(task: &Task) -> Option<&KeptFailure> {
    match &task.state {
        State::Failed { failure } => Some(failure),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_cursor_and_orders_by_rank_then_time() {
        let at = |s| Timestamp::from_millis(s);
        let id = Uuid::from_u128(7);
        let p = Position::new(2, at(1_700_000_000_123), id);
        assert_eq!(Position::from_cursor(&p.to_cursor()), Some(p));
        assert_eq!(p.parts(), (2, at(1_700_000_000_123), id));
        assert!(Position::new(0, at(9), id) < Position::new(1, at(1), id));
        assert!(Position::new(1, at(1), id) < Position::new(1, at(2), id));
        assert_eq!(Position::from_cursor("nonsense"), None);
    }
}
