//! The members of a group that is called off are cancelled, a hundred at a time.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    group::{
        Next,
        make::id_in,
        root::{self, Of, Root},
    },
    ids::{Name, TaskKey},
    lifecycle::{Task, Trigger},
    services::Services,
    store::{Doc, Patch, StoreError},
};

/// How many are cancelled at a time, and tasks read.
pub(crate) const AT_ONCE: usize = 100;

/// When it is looked for more of them.
const SOON: Duration = Duration::from_secs(2);

/// The next members to be cancelled; once none lives, who waits is told.
pub(super) async fn sweep(services: &Services, root: Root) -> Result<Vec<Next>, StoreError> {
    let now = services.clock.now();
    // Those that another task follows stand for themselves.
    let living = if root.doc.of == Of::After { Vec::new() } else { living(services, &root).await? };
    if living.is_empty() {
        let set: Doc = [("swept".to_owned(), true.into())].into_iter().collect();
        let wake_at = Some(Some(now + super::close::LAST_LOOK));
        root::write(services, root.write(Patch { set, wake_at, ..Patch::default() }, now)).await?;
        let read = root::find(services, &root.tenant, root.id).await?;
        return Ok(read.map_or_else(Vec::new, |root| root.tell()));
    }
    // Looked at again soon, when these have ended.
    let again = Patch { wake_at: Some(Some(now + SOON)), ..Patch::default() };
    root::write(services, root.write(again, now)).await?;
    Ok(living.into_iter().map(|task| Next { key: task.key.clone(), trigger: calls_off() }).collect())
}

/// What befalls a member whose group was called off.
pub(crate) fn calls_off() -> Trigger {
    Trigger::Cancel { reason: "its group was called off".to_owned(), by: "group".to_owned() }
}

/// Members that live, the first of them.
async fn living(services: &Services, root: &Root) -> Result<Vec<Task>, StoreError> {
    let unmarked: Vec<u32> = root::parts(services, root).await?.iter().flat_map(|part| part.unmarked()).collect();
    let mut living = Vec::new();
    for some in unmarked.chunks(AT_ONCE) {
        let tasks = members(services, root, some).await?;
        living.extend(tasks.into_iter().map(|(_, task)| task).filter(|task| !task.status().is_ended()));
        if living.len() >= AT_ONCE {
            break;
        }
    }
    living.truncate(AT_ONCE);
    Ok(living)
}

/// Where a member is found.
pub(super) fn key(tenant: &Name, (group, tasks): (Uuid, &[Uuid]), index: u32) -> TaskKey {
    let own = || id_in(group, index);
    TaskKey { tenant: tenant.clone(), id: tasks.get(index as usize).copied().unwrap_or_else(own) }
}

/// The members of these numbers that are there.
pub(super) async fn members(services: &Services, root: &Root, some: &[u32]) -> Result<Vec<(u32, Task)>, StoreError> {
    let keys: Vec<TaskKey> = some.iter().map(|index| key(&root.tenant, (root.id, &root.doc.tasks), *index)).collect();
    let mut found = Vec::new();
    for (index, task) in some.iter().zip(services.store.tasks(&keys).await) {
        found.extend(task?.map(|task| (*index, task)));
    }
    Ok(found)
}
