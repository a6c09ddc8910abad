//! The group's own record.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    group::{
        Next,
        part::{Part, parts_of, size_of},
        policy::{GroupPolicy, On},
    },
    ids::{self, Id, Name, TaskKey},
    lifecycle::{Task, Trigger},
    services::Services,
    store::{
        self, Commit, Doc, Expect, Guard, Patch, Record, RecordKey, RecordWrite, Related, Relation, RelationKind,
        StoreError,
    },
};

/// The kind of record that a group is.
pub const GROUP: &str = "group";

/// How long a group is kept after its end: longer than its members are.
pub(super) const KEEP: Duration = Duration::from_secs(180 * 24 * 3600);

/// The field that a closed group has, and an open one has not.
const CLOSED: &str = "closed";

/// How a group stands.
///
/// ```
/// use errand::GroupStatus;
///
/// assert_eq!(serde_json::to_string(&GroupStatus::Completed)?, r#""completed""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatus {
    /// Members are at work, or are made yet.
    Open,
    /// All have ended, and no more of them badly than its policy allows.
    Completed,
    /// More have ended badly.
    Failed,
    /// It was called off, and its members with it.
    Cancelled,
}

/// Who has made a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Of {
    /// A task's handler: with that task's cancel it is called off.
    Task,
    /// A request.
    Request,
    /// A request, of tasks that stand for themselves and that another is to follow.
    After,
}

/// A task that waits for a group.
///
/// ```
/// # fn shown(waiter: &errand::GroupWaiter) -> String {
/// format!("{} begins at its end: {:?}", waiter.task, waiter.on)
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct GroupWaiter {
    /// Which.
    pub task: Uuid,
    /// For which end it waits.
    pub on: On,
}

/// What the record says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RootDoc {
    pub(super) of: Of,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) name: Option<Name>,
    /// The task whose handler made it, and in which drive.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) parent: Option<(Uuid, u32)>,
    /// Tells one request from another under the same id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) hash: Option<String>,
    /// How many members it has, or is about to have.
    pub(super) total: u32,
    /// Whether all of these are made.
    #[serde(skip_serializing_if = "is_false", default)]
    pub(super) sealed: bool,
    #[serde(default)]
    pub(super) policy: GroupPolicy,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) waiters: Vec<GroupWaiter>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) closed: Option<GroupStatus>,
    /// Whether none of the members of a closed one lives.
    #[serde(skip_serializing_if = "is_false", default)]
    pub(super) swept: bool,
    /// When its making last went on, in milliseconds since 1970, if that has a step of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) made_at: Option<i64>,
    /// How often it was looked at for nothing.
    #[serde(default)]
    pub(super) looks: u32,
    /// The members, where they are not its own.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) tasks: Vec<Uuid>,
    /// What it was told of its parts, `p0`, `p1`, …: see [`told`].
    #[serde(flatten)]
    pub(super) told: Doc,
}

fn is_false(it: &bool) -> bool {
    !it
}

/// What a part tells the root: `1000 × ended + ended badly`, which grows with each end.
pub(super) fn told(part: &Part) -> i64 {
    1000 * i64::from(part.marked()) + i64::from(part.failed())
}

fn field(part: u32) -> String {
    format!("p{part}")
}

/// A root as it was read.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) tenant: Name,
    pub(super) id: Uuid,
    pub(super) version: Uuid,
    pub(super) created_at: Timestamp,
    pub(super) doc: RootDoc,
}

/// Where the root of a group is found.
pub(crate) fn key(tenant: &Name, group: Uuid) -> RecordKey {
    RecordKey { tenant: tenant.clone(), kind: Name::of(GROUP), id: Id::from(group) }
}

/// The group, if it is there.
pub(super) async fn find(services: &Services, tenant: &Name, group: Uuid) -> Result<Option<Root>, StoreError> {
    services.store.record(&key(tenant, group)).await?.map(Root::read).transpose()
}

/// How many groups of a task are looked through for those that end with it: the newest.
const OF_A_TASK: usize = 20;

/// Where a group stands among those that the handler of `task` has made.
pub(super) fn among_its_tasks(task: Uuid, now: Timestamp) -> Relation {
    Relation { of: Id::from(task), sort: now.to_string() }
}

/// What all groups of a tenant belong to, but those of tasks that stand for themselves.
fn all() -> Id {
    Id::from(ids::derived(&["groups"]))
}

/// Where a group stands among all of its tenant.
pub(super) fn among_all(now: Timestamp) -> Relation {
    Relation { of: all(), sort: now.to_string() }
}

/// The groups of a tenant, the newest first.
pub(super) fn of_tenant(tenant: &Name) -> Related {
    let (kind, by) = (Name::of(GROUP), RelationKind::Owner);
    Related { tenant: tenant.clone(), kind, by, of: all(), newest_first: true }
}

/// The newest groups that the handler of `task` has made, those of them that are open.
pub(super) async fn open_of(services: &Services, task: &TaskKey) -> Result<Vec<Root>, StoreError> {
    let (kind, by, of) = (Name::of(GROUP), RelationKind::Parent, Id::from(task.id));
    let related = Related { tenant: task.tenant.clone(), kind, by, of, newest_first: true };
    let made = services.store.records(&related, None, OF_A_TASK).await?.items;
    let made = made.into_iter().map(Root::read).collect::<Result<Vec<_>, _>>()?;
    Ok(made.into_iter().filter(|root| root.doc.closed.is_none()).collect())
}

/// The root becomes like this, if it is still open.
pub(super) fn closing(status: GroupStatus, swept: bool, wake_at: Timestamp) -> Patch {
    let mut set = Doc::new();
    set.insert(CLOSED.to_owned(), Value::String(status.as_str().to_owned()));
    set.insert("looks".to_owned(), 0.into());
    if swept {
        set.insert("swept".to_owned(), true.into());
    }
    Patch { set, wake_at: Some(Some(wake_at)), guards: vec![open()], ..Patch::default() }
}

/// It is open.
pub(super) fn open() -> Guard {
    Guard::Absent(CLOSED.to_owned())
}

impl GroupStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            GroupStatus::Open => "open",
            GroupStatus::Completed => "completed",
            GroupStatus::Failed => "failed",
            GroupStatus::Cancelled => "cancelled",
        }
    }
}

impl RootDoc {
    pub(super) fn new(of: Of, parent: Option<(Uuid, u32)>, total: u32) -> Self {
        Self {
            of,
            name: None,
            hash: None,
            parent,
            total,
            sealed: false,
            policy: GroupPolicy::default(),
            waiters: Vec::new(),
            closed: None,
            swept: false,
            made_at: None,
            looks: 0,
            tasks: Vec::new(),
            told: Doc::new(),
        }
    }
}

impl Root {
    pub(super) fn read(record: Record) -> Result<Self, StoreError> {
        let Record { key, version, doc, created_at, .. } = record;
        let corrupt = |source| StoreError::Corrupt { id: key.id.to_string(), source };
        let id = key.id.as_str().parse().map_err(|error| corrupt(anyhow::Error::new(error)))?;
        let doc = serde_json::from_value(doc.into()).map_err(|error| corrupt(error.into()))?;
        Ok(Self { tenant: key.tenant.clone(), id, version, created_at, doc })
    }

    pub(super) fn key(&self) -> RecordKey {
        key(&self.tenant, self.id)
    }

    pub(super) fn status(&self) -> GroupStatus {
        self.doc.closed.unwrap_or(GroupStatus::Open)
    }

    /// Whether the handler of `task` has made it.
    pub(super) fn is_made_by(&self, task: &Task) -> bool {
        self.doc.of == Of::Task && self.doc.parent.is_some_and(|(parent, _)| parent == task.key.id)
    }

    /// When its making last went on, as far as that was said.
    pub(super) fn made_at(&self) -> Timestamp {
        self.doc.made_at.map_or(self.created_at, Timestamp::from_millis)
    }

    /// Whether nothing more comes of it.
    pub(super) fn is_over(&self) -> bool {
        self.doc.closed.is_some() && self.doc.swept
    }

    /// The numbers of its parts.
    pub(super) fn parts(&self) -> std::ops::Range<u32> {
        0..parts_of(self.doc.total)
    }

    /// What it was told of a part: how many have ended, and how many of these badly.
    pub(super) fn told_of(&self, part: u32) -> (u32, u32) {
        let told = self.doc.told.get(&field(part)).and_then(Value::as_u64).unwrap_or(0);
        (u32::try_from(told / 1000).unwrap_or(0), u32::try_from(told % 1000).unwrap_or(0))
    }

    /// Whether it may be time to close it, by what it was told.
    pub(super) fn seems_over(&self) -> bool {
        let full = |part: u32| self.told_of(part).0 >= size_of(part, self.doc.total);
        let failed: u32 = self.parts().map(|part| self.told_of(part).1).sum();
        let too_many = self.doc.policy.ends_early() && failed > self.doc.policy.allowed(self.doc.total);
        self.doc.closed.is_none() && (too_many || (self.doc.sealed && self.parts().all(full)))
    }

    /// Tells it of `part`, unless it knows as much.
    pub(super) fn telling(part: &Part) -> Patch {
        let set = [(field(part.number), told(part).into())].into_iter().collect();
        Patch { set, guards: vec![Guard::AtMost(field(part.number), told(part))], ..Patch::default() }
    }

    /// Forgets what it was told of a part, if it is open.
    pub(super) fn forgetting(part: u32) -> Patch {
        Patch { set: [(field(part), Value::Null)].into_iter().collect(), guards: vec![open()], ..Patch::default() }
    }

    /// Changes it, if it is as it was read.
    pub(super) fn write(&self, patch: Patch, now: Timestamp) -> RecordWrite {
        patched(self.key(), patch, Expect::Version(self.version), now)
    }

    /// Tells who waits, once it is over.
    pub(super) fn tell(&self) -> Vec<Next> {
        if !self.is_over() {
            return Vec::new();
        }
        self.doc.waiters.iter().map(|waiter| self.tells(waiter.task, waiter.on)).collect()
    }

    /// What it says to one who waits.
    pub(super) fn tells(&self, task: Uuid, on: On) -> Next {
        let (group, status) = (self.id, self.status());
        let trigger = match on.is(status) {
            true => Trigger::Ready { group },
            false => Trigger::Void { group, reason: format!("the group that it waited for is {}", status.as_str()) },
        };
        Next { key: TaskKey { tenant: self.tenant.clone(), id: task }, trigger }
    }
}

/// A patch as a write of its own.
pub(super) fn patched(key: RecordKey, patch: Patch, expect: Expect, now: Timestamp) -> RecordWrite {
    RecordWrite::Patch { key, patch: Box::new(patch), expect, version: crate::ids::fresh(), at: now }
}

/// Makes one write by itself; whether what it demands held.
pub(super) async fn write(services: &Services, write: RecordWrite) -> Result<bool, StoreError> {
    let commit = Commit { records: vec![write], ..Commit::default() };
    match store::commit(&*services.store, commit).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// No more members come, but those that are added.
pub(super) async fn seal(services: &Services, tenant: &Name, group: Uuid) -> Result<(), StoreError> {
    let set = [("sealed".to_owned(), true.into())].into_iter().collect();
    let sealed = Patch { set, guards: vec![open()], ..Patch::default() };
    write(services, patched(key(tenant, group), sealed, Expect::Any, services.clock.now())).await.map(drop)
}

/// All parts of a group, as they are; those that are not there are left out.
pub(super) async fn parts(services: &Services, root: &Root) -> Result<Vec<Part>, StoreError> {
    let keys: Vec<RecordKey> = root.parts().map(|part| super::part::key(&root.tenant, root.id, part)).collect();
    let read = services.store.records_at(&keys).await?;
    let read = root.parts().zip(read).filter_map(|(number, record)| record.map(|record| Part::read(number, record)));
    Ok(read.collect())
}
