//! How a group is closed: by the end of its members, by a redrive's opposite, and by who calls it off.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    effects::Effect,
    group::{
        Next,
        part::{self, PART_SIZE},
        policy::{Closing, judge},
        root::{self, GROUP, GroupStatus, Root},
        sweep,
    },
    ids::{Id, Name},
    lifecycle::{Dispatch, Task},
    services::Services,
    store::{Expect, MAX_TRIES, RecordKey, StoreError},
};

/// When a closed group is looked at once more, for who was not told, and to say how long it is kept.
pub(super) const LAST_LOOK: Duration = Duration::from_secs(60);

/// Closes a group if its parts say so: read after the root, and taken for true only if that has not changed meanwhile. Whoever
/// takes an end back writes the root.
pub(super) async fn settle(services: &Services, mut root: Root) -> Result<Vec<Next>, StoreError> {
    for _ in 0..MAX_TRIES {
        if root.doc.closed.is_some() {
            return Ok(root.tell());
        }
        let parts = root::parts(services, &root).await?;
        let (status, swept) = match judge(&root.doc, &parts) {
            None => return Ok(Vec::new()),
            Some(Closing::Over(status)) => (status, true),
            Some(Closing::Broken) => (GroupStatus::Failed, false),
        };
        let now = services.clock.now();
        let wake_at = if swept { now + LAST_LOOK } else { now };
        let closed = root::write(services, root.write(root::closing(status, swept, wake_at), now)).await?;
        let Some(read) = root::find(services, &root.tenant, root.id).await? else { return Ok(Vec::new()) };
        root = read;
        if closed && !swept {
            return sweep::sweep(services, root).await;
        }
    }
    Err(StoreError::Busy)
}

/// Calls a group off: its members are cancelled. What becomes of them. One that is closed stays as it is.
pub(crate) async fn call_off(services: &Services, tenant: &Name, group: Uuid) -> Result<Vec<Next>, StoreError> {
    let now = services.clock.now();
    let close = root::closing(GroupStatus::Cancelled, false, now);
    root::write(services, root::patched(root::key(tenant, group), close, Expect::Any, now)).await?;
    match root::find(services, tenant, group).await? {
        Some(root) if root.is_over() => Ok(root.tell()),
        Some(root) => sweep::sweep(services, root).await,
        None => Ok(Vec::new()),
    }
}

/// What is committed with the cancel of a task: the groups that it has made are called off. Only a task that was begun here has
/// made any, so that the cancel of another one reads nothing.
pub(crate) async fn called_off(services: &Services, task: &Task) -> Result<Vec<Effect>, StoreError> {
    if task.executions == 0 || task.dispatch != Dispatch::Announced {
        return Ok(Vec::new());
    }
    let mut groups: Vec<Uuid> = root::open_of(services, &task.key).await?.iter().map(|root| root.id).collect();
    // The list may run behind; of the one that it waits for, the task itself says.
    if let Some(group) = task.waits_for().filter(|group| !groups.contains(group)) {
        let root = root::find(services, &task.key.tenant, group).await?;
        groups.extend(root.filter(|root| root.is_made_by(task) && root.doc.closed.is_none()).map(|root| root.id));
    }
    let close = || root::closing(GroupStatus::Cancelled, false, services.clock.now());
    let called_off = |group| Effect::patch(Name::of(GROUP), Id::from(group), close(), Expect::Any).or_skip();
    Ok(groups.into_iter().map(called_off).collect())
}

/// What is committed with the redrive of a member: open groups forget its end. The root is written, so that nobody who has
/// read it before closes it; the mark keeps the number of the drive, so that a late mark of its end is refused.
pub(crate) async fn redriven(services: &Services, task: &Task) -> Result<Vec<Effect>, StoreError> {
    let mut effects = Vec::new();
    for member in &task.member_of {
        let root = root::find(services, &task.key.tenant, member.group).await?;
        let Some(root) = root.filter(|root| root.doc.closed.is_none()) else { continue };
        let number = member.index / PART_SIZE;
        let RecordKey { kind, id, .. } = part::key(&root.tenant, root.id, number);
        let forgets = Effect::patch(Name::of(GROUP), Id::from(root.id), Root::forgetting(number), Expect::Any);
        effects.push(forgets.with(Effect::patch(kind, id, part::taking_back(task, member.index), Expect::Any)));
    }
    Ok(effects)
}
