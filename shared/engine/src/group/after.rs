//! Tasks that follow others: who follows waits for a group of those, which stand for themselves.

use uuid::Uuid;

use crate::{
    group::{
        Next, look,
        make::{begin, make_parts},
        policy::On,
        root::{self, GroupWaiter, Of, RootDoc},
    },
    ids::{self, Name},
    services::Services,
    store::StoreError,
};

/// The group that `task` waits for if it follows others.
pub(crate) fn before(task: Uuid) -> Uuid {
    ids::derived(&["after", &task.to_string()])
}

/// Makes the group that `task` waits for, of `members`; before any of them is made. It is there already if the request
/// comes again.
pub(crate) async fn expect(
    services: &Services,
    tenant: &Name,
    task: Uuid,
    members: Vec<Uuid>,
) -> Result<(), StoreError> {
    let total = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let waiters = vec![GroupWaiter { task, on: On::Success }];
    let new = || RootDoc { waiters, tasks: members, ..RootDoc::new(Of::After, None, total) };
    let (root, _) = begin(services, tenant, before(task), new).await?;
    make_parts(services, &root).await
}

/// Says that all are made that somebody waits for by `group`. Those that were there before may have ended.
pub(crate) async fn expected(services: &Services, tenant: &Name, group: Uuid) -> Result<Vec<Next>, StoreError> {
    root::seal(services, tenant, group).await?;
    match root::find(services, tenant, group).await? {
        Some(root) if root.doc.closed.is_none() => look::repair(services, &root).await,
        Some(root) => Ok(root.tell()),
        None => Ok(Vec::new()),
    }
}
