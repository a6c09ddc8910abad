//! A group as it is shown.

use tracing::warn;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    group::{
        part::{self, Part},
        policy::GroupPolicy,
        root::{self, GroupStatus, GroupWaiter, Root},
        sweep,
    },
    ids::Name,
    lifecycle::Task,
    redact::chain,
    services::Services,
    store::{Page, RelationKind, StoreError},
};

/// A group: tasks that belong together.
///
/// ```
/// use errand::{Group, GroupStatus};
///
/// fn line(group: &Group) -> String {
///     match group.status {
///         GroupStatus::Open => format!("{} of {} have ended", group.ended, group.total),
///         _ => format!("all have ended, {} of them badly", group.failed),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Whose it is.
    pub tenant: Name,
    /// Which.
    pub id: Uuid,
    /// What the handler that made it calls it.
    pub name: Option<Name>,
    /// How it stands.
    pub status: GroupStatus,
    /// What members that end badly mean for it.
    pub policy: GroupPolicy,
    /// How many members it has.
    pub total: u32,
    /// How many have ended, as far as it was told: of an open group those of full parts of a hundred; of one that is
    /// completed, all.
    pub ended: u32,
    /// How many of these did not end well.
    pub failed: u32,
    /// Whether nothing more comes of it: it is not open, and no member lives.
    pub over: bool,
    /// Who waits for its end.
    pub waiters: Vec<GroupWaiter>,
    /// Its members, where they are tasks of their own: those that one which waits for it follows.
    pub(crate) tasks: Vec<Uuid>,
    /// When it was begun.
    pub created_at: Timestamp,
}

impl From<&Root> for Group {
    fn from(root: &Root) -> Self {
        let told = || root.parts().map(|part| root.told_of(part));
        Self {
            tenant: root.tenant.clone(),
            id: root.id,
            name: root.doc.name.clone(),
            status: root.status(),
            policy: root.doc.policy,
            total: root.doc.total,
            ended: told().map(|(ended, _)| ended).sum(),
            failed: told().map(|(_, failed)| failed).sum(),
            over: root.is_over(),
            waiters: root.doc.waiters.clone(),
            tasks: root.doc.tasks.clone(),
            created_at: root.created_at,
        }
    }
}

/// The group, if it is there.
pub async fn find(services: &Services, tenant: &Name, id: Uuid) -> Result<Option<Group>, StoreError> {
    Ok(root::find(services, tenant, id).await?.as_ref().map(Group::from))
}

/// The same, its parts read for how many have ended by now.
pub async fn counted(services: &Services, tenant: &Name, id: Uuid) -> Result<Option<Group>, StoreError> {
    let Some(root) = root::find(services, tenant, id).await? else { return Ok(None) };
    let parts = root::parts(services, &root).await?;
    let ended = parts.iter().map(Part::marked).sum();
    let failed = parts.iter().map(Part::failed).sum();
    Ok(Some(Group { ended, failed, ..Group::from(&root) }))
}

/// A page of a tenant's groups, the newest first, each with its place: not those of tasks that stand for themselves, which
/// only somebody is to follow. Of one that is not over and has more than a hundred members, at least so many have ended: full
/// parts of a hundred are counted.
pub async fn list(
    services: &Services,
    tenant: &Name,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<(Group, String), String>, StoreError> {
    let page = services.store.records(&root::of_tenant(tenant), after, limit).await?;
    let placed = page.items.into_iter().filter_map(|record| {
        let place = record.place(RelationKind::Owner).unwrap_or_default();
        // What cannot be read hides nothing else.
        let root = Root::read(record).inspect_err(|error| warn!(error = %chain(error), "a group cannot be read"));
        Some((root.ok()?, place))
    });
    let roots: Vec<(Root, String)> = placed.collect();
    // A root is told of a part by the end of that: of one that is not full, never.
    let is_behind = |root: &Root| root.parts().map(|part| root.told_of(part).0).sum::<u32>() < root.doc.total;
    let one_part = |root: &Root| is_behind(root) && root.parts().len() == 1;
    let asked = roots.iter().map(|(root, _)| root).filter(|root| one_part(root));
    let keys: Vec<_> = asked.map(|root| part::key(&root.tenant, root.id, 0)).collect();
    let mut parts = services.store.records_at(&keys).await?.into_iter();
    let mut items = Vec::with_capacity(roots.len());
    for (root, place) in roots {
        let mut group = Group::from(&root);
        if one_part(&root)
            && let Some(part) = parts.next().flatten()
        {
            let part = Part::read(0, part);
            (group.ended, group.failed) = (part.marked(), part.failed());
        }
        items.push((group, place));
    }
    Ok(Page { items, next: page.next })
}

/// Members from the number `from` on, at most `limit` (up to 100): each with its task, if that is there still. They are
/// found by their ids, not by a list: so each is there in the order in which it was asked for.
pub async fn members(
    services: &Services,
    group: &Group,
    from: u32,
    limit: u32,
) -> Result<Vec<(u32, Option<Task>)>, StoreError> {
    let most = u32::try_from(sweep::AT_ONCE).unwrap_or(u32::MAX);
    let until = from.saturating_add(limit.min(most)).min(group.total);
    let numbers: Vec<u32> = (from..until).collect();
    let keys: Vec<_> =
        numbers.iter().map(|index| sweep::key(&group.tenant, (group.id, &group.tasks), *index)).collect();
    let read = services.store.tasks(&keys).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(numbers.into_iter().zip(read).collect())
}
