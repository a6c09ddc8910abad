//! Failed tasks by what they failed of: a group for each fingerprint.

use std::collections::HashMap;

use crate::{
    clock::Timestamp,
    ids::{Name, TaskKey},
    lifecycle::{FailureKind, Fingerprint, State, Task},
    store::{Bucket, Filter, ListQuery, Listing, Store, StoreError, TASK_PAGE_BYTES},
};

/// How many failed tasks of a queue are looked at by a store that has to read them: the newest.
pub const LOOKED_AT: usize = 1_000;

/// How many groups of a queue are told of, the newest. What is left of them are mostly single tasks whose messages are all
/// others.
pub const MOST_FAILURE_GROUPS: usize = 1_000;

/// A page of tasks to look at.
const PAGE: usize = 100;

/// The tasks of a queue that have failed of the same, and are failed still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureGroup {
    /// What names it.
    pub fingerprint: Fingerprint,
    /// The type of the newest of them.
    pub task_type: Name,
    /// What sort of thing went wrong.
    pub kind: FailureKind,
    /// What was said of the newest of them.
    pub message: String,
    /// The newest of them.
    pub newest: TaskKey,
    /// How many there are.
    pub tasks: u64,
    /// When the first of them ended.
    pub first_seen: Timestamp,
    /// When the newest of them ended.
    pub last_seen: Timestamp,
}

/// What of a queue has failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// The newest first; at most [`MOST_FAILURE_GROUPS`].
    pub groups: Vec<FailureGroup>,
    /// Whether every failed task of the queue is counted; or the newest [`LOOKED_AT`] alone, or those of the groups that are
    /// told.
    pub whole: bool,
}

impl FailureGroup {
    /// The group that a failed task alone is.
    pub fn of(task: &Task) -> Option<Self> {
        let State::Failed { failure } = &task.state else { return None };
        let at = task.ended_at.unwrap_or(failure.at);
        Some(Self {
            fingerprint: failure.group(&task.task_type),
            task_type: task.task_type.clone(),
            kind: failure.kind,
            message: failure.message.clone(),
            newest: task.key.clone(),
            tasks: 1,
            first_seen: at,
            last_seen: at,
        })
    }
}

/// The groups of a queue, of its tasks as they are listed.
pub(super) async fn listed<S: Store + ?Sized>(
    store: &S,
    (tenant, project, queue): (&Name, &Name, &Name),
) -> Result<Failures, StoreError> {
    let listing = Listing::Queue { project: project.clone(), queue: queue.clone(), bucket: Bucket::Failed };
    let query = ListQuery { tenant: tenant.clone(), listing, filter: Filter::default() };
    let mut groups: HashMap<Fingerprint, FailureGroup> = HashMap::new();
    let (mut after, mut seen, mut bytes) = (None, 0, 0);
    let whole = loop {
        let page = store.list(&query, after, PAGE).await?;
        seen += page.items.len();
        // The newest come first.
        for group in page.items.iter().inspect(|task| bytes += task.body_bytes()).filter_map(FailureGroup::of) {
            let of = groups.entry(group.fingerprint.clone());
            of.and_modify(|of| (of.tasks, of.first_seen) = (of.tasks + 1, group.first_seen)).or_insert(group);
        }
        after = page.next;
        if after.is_none() || seen >= LOOKED_AT || bytes >= TASK_PAGE_BYTES {
            break after.is_none();
        }
    };
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by(|a, b| (b.last_seen, &a.fingerprint).cmp(&(a.last_seen, &b.fingerprint)));
    Ok(Failures { groups, whole })
}
