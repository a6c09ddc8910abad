//! What a group knows of a hundred members: for each whether it has ended, and how.
//!
//! A mark is one number, `4 × redrives + how`: 0 stands for an end that was taken back. So a mark of an earlier drive, come
//! late, is never larger than what is there, and is refused.

use uuid::Uuid;

use crate::{
    ids::{Id, Name},
    lifecycle::{Status, Task},
    store::{Doc, Guard, Patch, Record, RecordKey},
};

/// The kind of record.
pub(crate) const GROUP_PART: &str = "group_part";

/// Members of one part: marked, they fill no more than the kibibyte that DynamoDB counts one write unit for.
pub(super) const PART_SIZE: u32 = 100;

const PER_DRIVE: u64 = 4;
const ENDED_WELL: u64 = 1;
const ENDED_BADLY: u64 = 2;

/// How many members it has.
const SIZE: &str = "n";

/// Whether the root is to hear of each that ends badly.
const TELLS: &str = "t";

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) number: u32,
    doc: Doc,
}

/// How many parts so many members have.
pub(super) fn parts_of(total: u32) -> u32 {
    total.div_ceil(PART_SIZE)
}

/// How many of `total` members are in the part of this number.
pub(super) fn size_of(number: u32, total: u32) -> u32 {
    total.saturating_sub(number * PART_SIZE).min(PART_SIZE)
}

/// Where a part is found.
pub(super) fn key(tenant: &Name, group: Uuid, number: u32) -> RecordKey {
    // A UUID, a point and a number are an id.
    let id = Id::new(&format!("{group}.{number}")).unwrap_or_else(|_| Id::from(group));
    RecordKey { tenant: tenant.clone(), kind: Name::of(GROUP_PART), id }
}

/// How a member has ended, and in which drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    drive: u64,
    how: u64,
}

impl End {
    /// That of `task`, which has ended.
    pub(super) fn of(task: &Task) -> Self {
        let how = if task.status() == Status::Completed { ENDED_WELL } else { ENDED_BADLY };
        Self { drive: task.redrives.into(), how }
    }

    /// Whether it is not completed.
    pub(super) fn is_bad(self) -> bool {
        self.how != ENDED_WELL
    }

    fn mark(self) -> u64 {
        PER_DRIVE * self.drive + self.how
    }
}

/// What the mark becomes of a task that is set going again, which is in the drive before.
fn taken_back(task: &Task) -> u64 {
    PER_DRIVE * u64::from(task.redrives)
}

fn field(index: u32) -> String {
    (index % PART_SIZE).to_string()
}

/// Marks an end, unless a later one is marked, or taken back.
pub(super) fn marking(end: End, index: u32) -> Patch {
    let set = [(field(index), end.mark().into())].into_iter().collect();
    let earlier = i64::try_from(PER_DRIVE * end.drive).unwrap_or(i64::MAX) - 1;
    Patch { set, guards: vec![Guard::AtMost(field(index), earlier)], ..Patch::default() }
}

/// Takes the end of `task` back.
pub(super) fn taking_back(task: &Task, index: u32) -> Patch {
    Patch { set: [(field(index), taken_back(task).into())].into_iter().collect(), ..Patch::default() }
}

/// So many more members are in it.
pub(super) fn growing(size: u32) -> Patch {
    Patch { set: [(SIZE.to_owned(), size.into())].into_iter().collect(), ..Patch::default() }
}

impl Part {
    /// A new one of a group of `total` members.
    pub(super) fn new(number: u32, total: u32, tells: bool) -> Self {
        let mut doc = Doc::new();
        doc.insert(SIZE.to_owned(), size_of(number, total).into());
        if tells {
            doc.insert(TELLS.to_owned(), true.into());
        }
        Self { number, doc }
    }

    pub(super) fn read(number: u32, record: Record) -> Self {
        Self { number, doc: record.doc }
    }

    pub(super) fn into_doc(self) -> Doc {
        self.doc
    }

    fn mark(&self, index: u32) -> Option<u64> {
        self.doc.get(&field(index)).and_then(serde_json::Value::as_u64)
    }

    fn size(&self) -> u32 {
        self.doc.get(SIZE).and_then(serde_json::Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }

    fn ends(&self) -> impl Iterator<Item = u64> {
        (0..self.size()).filter_map(|index| self.mark(index)).map(|mark| mark % PER_DRIVE).filter(|how| *how != 0)
    }

    /// Whether this very end is marked.
    pub(super) fn has(&self, index: u32, end: End) -> bool {
        self.mark(index) == Some(end.mark())
    }

    /// The end of a member that is not marked, and not there either: it was removed since, and nobody knows how it ended. It does
    /// not count as completed.
    pub(super) fn end_of_removed(&self, index: u32) -> End {
        End { drive: self.mark(index).map_or(0, |taken_back| taken_back / PER_DRIVE + 1), how: ENDED_BADLY }
    }

    /// How many have ended.
    pub(super) fn marked(&self) -> u32 {
        u32::try_from(self.ends().count()).unwrap_or(u32::MAX)
    }

    /// How many of them have ended badly.
    pub(super) fn failed(&self) -> u32 {
        u32::try_from(self.ends().filter(|how| *how != ENDED_WELL).count()).unwrap_or(u32::MAX)
    }

    /// Whether all have ended.
    pub(super) fn is_full(&self) -> bool {
        self.size() > 0 && self.marked() == self.size()
    }

    /// Whether the root is to hear that another has ended badly.
    pub(super) fn tells(&self) -> bool {
        self.doc.contains_key(TELLS)
    }

    /// The numbers, in the group, of those that have not ended as far as this knows.
    pub(super) fn unmarked(&self) -> impl Iterator<Item = u32> {
        let first = self.number * PART_SIZE;
        let is_open = |index: &u32| self.mark(*index).is_none_or(|mark| mark % PER_DRIVE == 0);
        (0..self.size()).filter(is_open).map(move |index| first + index)
    }
}
