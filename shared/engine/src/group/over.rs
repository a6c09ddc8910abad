//! What who waits, and who begins, asks of a group.

use crate::{
    group::{
        Next,
        policy::On,
        root::{self, GroupStatus, Of, Root},
    },
    lifecycle::{Task, Trigger},
    services::Services,
    store::StoreError,
};

/// What becomes of `task` if what it waits for is over.
pub(crate) async fn wait_over(services: &Services, task: &Task) -> Result<Option<Next>, StoreError> {
    let Some(group) = task.waits_for() else { return Ok(None) };
    let Some(root) = root::find(services, &task.key.tenant, group).await? else {
        let reason = "the group that it waited for is gone".to_owned();
        return Ok(Some(Next { key: task.key.clone(), trigger: Trigger::Void { group, reason } }));
    };
    let waiter = root.doc.waiters.iter().find(|waiter| waiter.task == task.key.id);
    let on = waiter.map_or(On::End, |waiter| waiter.on);
    Ok(root.is_over().then(|| root.tells(task.key.id, on)))
}

/// Whether a group of `task` was called off, so that it is not to begin.
pub(crate) async fn is_called_off(services: &Services, task: &Task) -> Result<bool, StoreError> {
    for member in &task.member_of {
        let root = root::find(services, &task.key.tenant, member.group).await?;
        if root.is_some_and(|root| ends_members(&root)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One whose members have all ended may see one of them set going again. Not one that was called off; and what was made
/// while it was, nobody knew of.
fn ends_members(root: &Root) -> bool {
    let is_over = root.doc.closed.is_some();
    let swept = root.doc.swept && root.doc.sealed && root.status() != GroupStatus::Cancelled;
    is_over && !swept && root.doc.of != Of::After
}
