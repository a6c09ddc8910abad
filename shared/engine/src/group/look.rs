//! The look at a group: what was broken off is gone on with.

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

use crate::{
    clock::Timestamp,
    group::{
        Next, after, close,
        mark::mark_end,
        part::{self, End},
        root::{self, GroupStatus, KEEP, Of, Root},
        sweep::{self, AT_ONCE},
    },
    ids::TaskKey,
    lifecycle::{Member, Status},
    services::Services,
    store::{self, Expect, Patch, Record, StoreError},
};

/// When a group is looked at first; twice as long after each look that finds nothing to do.
pub(super) const FIRST: Duration = Duration::from_secs(60);

/// The longest pause between two looks.
const LAST: Duration = Duration::from_secs(3600);

/// How long the making of a request's group may stand still: then nobody goes on with it, and it is called off.
const UNSEALED: Duration = Duration::from_secs(3600);

/// Looks after a group whose `wake_at` has come.
pub(crate) async fn look(services: &Services, record: Record) -> Result<Vec<Next>, StoreError> {
    let root = Root::read(record)?;
    let now = services.clock.now();
    match root.doc.closed {
        Some(_) if root.doc.swept => retire(services, &root).await,
        Some(_) => sweep::sweep(services, root).await,
        None if root.doc.of == Of::After && !root.doc.sealed && is_made(services, &root).await? => {
            after::expected(services, &root.tenant, root.id).await
        }
        None if is_left(services, &root, now).await? => {
            let close = root::closing(GroupStatus::Cancelled, false, now);
            root::write(services, root.write(close, now)).await?;
            match root::find(services, &root.tenant, root.id).await? {
                Some(root) if root.doc.closed.is_some() => sweep::sweep(services, root).await,
                _ => Ok(Vec::new()),
            }
        }
        None => {
            let next = if root.doc.sealed { repair(services, &root).await? } else { Vec::new() };
            let pause = FIRST.saturating_mul(1 << root.doc.looks.min(6)).min(LAST);
            let set = [("looks".to_owned(), (root.doc.looks + 1).into())].into_iter().collect();
            let wake_at = Some(Some(now + pause));
            let postponed = Patch { set, wake_at, guards: vec![root::open()], ..Patch::default() };
            root::write(services, root::patched(root.key(), postponed, Expect::Any, now)).await?;
            Ok(next)
        }
    }
}

/// Whether all are there of whom one follows the others: only that was left to say.
async fn is_made(services: &Services, root: &Root) -> Result<bool, StoreError> {
    let key = |id: &Uuid| TaskKey { tenant: root.tenant.clone(), id: *id };
    let waiters = root.doc.waiters.iter().map(|waiter| &waiter.task);
    let keys: Vec<TaskKey> = root.doc.tasks.iter().chain(waiters).map(key).collect();
    for task in services.store.tasks(&keys).await {
        if task?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether nobody goes on with it: its task has ended before all members were made, was cancelled, or has begun anew; or the
/// request that makes it has stopped.
async fn is_left(services: &Services, root: &Root, now: Timestamp) -> Result<bool, StoreError> {
    let (Of::Task, Some((parent, drive))) = (root.doc.of, root.doc.parent) else {
        return Ok(!root.doc.sealed && root.made_at() + UNSEALED <= now);
    };
    let key = TaskKey { tenant: root.tenant.clone(), id: parent };
    let Some(parent) = store::task(&*services.store, &key).await? else {
        // It has ended before it was removed. Its cancel would have closed a group that was made; no other end does.
        return Ok(!root.doc.sealed);
    };
    let has_begun_anew = parent.redrives != drive;
    Ok(match parent.status() {
        Status::Cancelled => true,
        status => has_begun_anew || (!root.doc.sealed && status.is_ended()),
    })
}

/// Marks what has ended and is not marked, and closes the group, all of whose members were made, if that was all.
pub(super) async fn repair(services: &Services, root: &Root) -> Result<Vec<Next>, StoreError> {
    let parts = root::parts(services, root).await?;
    let unmarked = parts.iter().flat_map(|part| part.unmarked().map(|index| (index, part.end_of_removed(index))));
    let unmarked: Vec<_> = unmarked.collect();
    let mut next = Vec::new();
    for some in unmarked.chunks(AT_ONCE) {
        let numbers: Vec<u32> = some.iter().map(|(index, _)| *index).collect();
        let mut there: BTreeMap<_, _> = sweep::members(services, root, &numbers).await?.into_iter().collect();
        for (index, end_of_removed) in some.iter().copied() {
            let end = match there.remove(&index) {
                None => end_of_removed,
                Some(task) if task.status().is_ended() => End::of(&task),
                Some(_) => continue,
            };
            next.extend(mark_end(services, &root.tenant, Member { group: root.id, index }, end).await?);
        }
    }
    if let Some(root) = root::find(services, &root.tenant, root.id).await? {
        next.extend(close::settle(services, root).await?);
    }
    Ok(next)
}

/// The last look: who was not told is told, and from now on it may be removed.
async fn retire(services: &Services, root: &Root) -> Result<Vec<Next>, StoreError> {
    let now = services.clock.now();
    let kept = |wake_at| Patch { wake_at, expires_at: Some(now + KEEP), ..Patch::default() };
    for number in root.parts() {
        let key = part::key(&root.tenant, root.id, number);
        root::write(services, root::patched(key, kept(None), Expect::Any, now)).await?;
    }
    root::write(services, root.write(kept(Some(None)), now)).await?;
    Ok(root.tell())
}
