//! Groups as they are asked for from outside: made, added to, called off.

use uuid::Uuid;

use crate::{
    app::App,
    change::{ChangeError, With, change, follow},
    effects::Effect,
    group::{self, Group, Making, NotMade},
    ids::Name,
    lifecycle::{Asked, Priority, Task},
    notify::{notify, notify_due},
    store::StoreError,
};

/// Makes a group, or what is missing of it. Its members begin at once.
pub async fn make_group(app: &App, making: &Making) -> Result<Group, NotMade> {
    let (group, next) = group::make_root(app, Some(app), making).await?;
    follow(app, next).await;
    Ok(group)
}

/// Adds up to 40 members to a group of `tenant` that is open, together with `once`, a record that says that it is done.
pub async fn add_to_group(
    app: &App,
    (tenant, id): (&Name, Uuid),
    members: Vec<Asked>,
    once: Option<Effect>,
) -> Result<Group, NotMade> {
    let made = group::add(app, (tenant, id), members, once).await?;
    notify(app, &made).await;
    group::counted(app, tenant, id).await?.ok_or(NotMade::Gone)
}

/// Calls a group of `tenant` off: its members are cancelled, a hundred at once and the others by the poller, and who waits for
/// it goes on once none lives. The group as it is then; `None` if there is none.
pub async fn cancel_group(app: &App, tenant: &Name, id: Uuid) -> Result<Option<Group>, StoreError> {
    let next = group::call_off(app, tenant, id).await?;
    let is_more = next.len() >= group::SWEPT_AT_ONCE;
    if follow(app, next).await > 0 && is_more {
        notify_due(app, &group::key(tenant, id), app.clock.now(), Priority::default()).await;
    }
    group::counted(app, tenant, id).await
}

/// The group that `task` waits for if it follows others.
pub fn group_before(task: Uuid) -> Uuid {
    group::before(task)
}

/// Before tasks are made that follow others: each begins once all of its own have completed. It is made
/// [waiting](crate::lifecycle::Task::accept_after) for the group that is answered.
pub async fn expect_others(app: &App, tenant: &Name, task: Uuid, others: Vec<Uuid>) -> Result<Uuid, StoreError> {
    group::expect(app, tenant, task, others).await?;
    Ok(group_before(task))
}

/// All of those that `task` follows are made.
pub async fn others_are_there(app: &App, tenant: &Name, task: Uuid) -> Result<(), StoreError> {
    let next = group::expected(app, tenant, group::before(task)).await?;
    follow(app, next).await;
    Ok(())
}

/// Asked before a claim: a member whose group was called off is cancelled, and does not begin. Whether it is so.
pub async fn ended_with_group(app: &App, task: &Task) -> Result<bool, ChangeError> {
    let called_off = !task.member_of.is_empty() && group::is_called_off(app, task).await?;
    if called_off {
        change(app, task, group::calls_off(), With::nothing()).await?;
    }
    Ok(called_off)
}
