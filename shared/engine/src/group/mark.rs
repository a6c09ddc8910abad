//! What follows a member's end: its mark, and if it was the last one, the group's end.

use tracing::warn;

use crate::{
    group::{
        Next, close, over,
        part::{self, End, PART_SIZE, Part},
        root::{self, Root},
    },
    ids::Name,
    lifecycle::{Member, Task},
    redact::chain,
    services::Services,
    store::{Expect, StoreError},
};

/// What follows from a commit that has made `after` of `before`: to be done after it, since it is not lost if nobody does.
pub(crate) async fn after(services: &Services, before: &Task, after: &Task) -> Vec<Next> {
    let mut next = Vec::new();
    let ends = !before.status().is_ended() && after.status().is_ended();
    if ends {
        for member in &after.member_of {
            // On the heap, as what most tasks do not need: every change of a task would hold room for it.
            match Box::pin(mark(services, after, *member)).await {
                Ok(follows) => next.extend(follows),
                Err(problem) => warn!(task.id = %after.key.id, group = %member.group, error = %chain(&problem),
                    "a group was not told of an end; its next look tells it"),
            }
        }
    }
    let begins_to_wait = after.waits_for().is_some() && before.waits_for().is_none();
    if begins_to_wait {
        match Box::pin(over::wait_over(services, after)).await {
            Ok(over) => next.extend(over),
            Err(problem) => warn!(task.id = %after.key.id, error = %chain(&problem),
                "what a task waits for was not looked at; its next look does"),
        }
    }
    next
}

/// Tells all groups of `task` of its end, whether they have heard of it or not.
pub(crate) async fn told(services: &Services, task: &Task) -> Result<Vec<Next>, StoreError> {
    let mut next = Vec::new();
    for member in &task.member_of {
        next.extend(mark(services, task, *member).await?);
    }
    Ok(next)
}

/// Marks the end of `task` in its group. Done again, nothing changes.
pub(super) async fn mark(services: &Services, task: &Task, member: Member) -> Result<Vec<Next>, StoreError> {
    mark_end(services, &task.key.tenant, member, End::of(task)).await
}

/// The same, of an end that is known without its task.
pub(super) async fn mark_end(
    services: &Services,
    tenant: &Name,
    member: Member,
    end: End,
) -> Result<Vec<Next>, StoreError> {
    let number = member.index / PART_SIZE;
    let key = part::key(tenant, member.group, number);
    let marking = root::patched(key.clone(), part::marking(end, member.index), Expect::Any, services.clock.now());
    root::write(services, marking).await?;
    // Read after its own write: whoever marks the last place sees all of them.
    let Some(part) = services.store.record(&key).await? else { return Ok(Vec::new()) };
    let part = Part::read(number, part);
    // A later drive's mark is there, or this end was taken back: it is for others to go on.
    let stands = part.has(member.index, end);
    if !stands || !(part.is_full() || (part.tells() && end.is_bad())) {
        return Ok(Vec::new());
    }
    tell(services, tenant, member, &part).await
}

/// Tells the root of a part, and closes the group if that was all it needed.
async fn tell(services: &Services, tenant: &Name, member: Member, part: &Part) -> Result<Vec<Next>, StoreError> {
    let key = root::key(tenant, member.group);
    root::write(services, root::patched(key, Root::telling(part), Expect::Any, services.clock.now())).await?;
    match root::find(services, tenant, member.group).await? {
        Some(root) if root.seems_over() => close::settle(services, root).await,
        _ => Ok(Vec::new()),
    }
}
