//! More members of a group that is open.

use uuid::Uuid;

use crate::{
    effects::Effect,
    group::{
        make::{MAX_MEMBERS, NotMade, STEP, member},
        part::{self, PART_SIZE, Part, parts_of, size_of},
        root::{self, Of, Root},
    },
    ids::{self, Name},
    lifecycle::{Asked, Task},
    services::Services,
    store::{
        Commit, Doc, Expect, MAX_TRIES, Part as CommitPart, Patch, RecordWrite, StoreError, commit as commit_once,
    },
};

/// Adds members behind those that are there, in one commit with what the group says of their number; with `once` too, a
/// record that says that it is done. The tasks that were made. Whoever has read the root before does not close the group.
pub(crate) async fn add(
    services: &Services,
    (tenant, group): (&Name, Uuid),
    members: Vec<Asked>,
    once: Option<Effect>,
) -> Result<Vec<Task>, NotMade> {
    if members.len() > STEP {
        return Err(NotMade::TooManyAtOnce(members.len()));
    }
    let once = crate::effects::compile(once.iter(), tenant, services.clock.now()).records;
    for _ in 0..MAX_TRIES {
        let root = root::find(services, tenant, group).await?.ok_or(NotMade::Gone)?;
        if root.doc.closed.is_some() || !root.doc.sealed || root.doc.of == Of::After {
            return Err(NotMade::NotOpen);
        }
        let (tasks, records) = grown(services, &root, &members)?;
        let records = once.iter().cloned().chain(records).collect();
        let commit = Commit { task: None, records, tasks: tasks.clone() };
        match commit_once(&*services.store, commit).await {
            Ok(()) => return Ok(tasks),
            Err(StoreError::Conflict { parts }) if !once.is_empty() && parts.contains(&CommitPart::Record(0)) => {
                return Err(StoreError::Conflict { parts }.into());
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// The new members, and the writes of the root and the parts that have them.
fn grown(services: &Services, root: &Root, members: &[Asked]) -> Result<(Vec<Task>, Vec<RecordWrite>), NotMade> {
    let now = services.clock.now();
    let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let (before, total) = (root.doc.total, root.doc.total.saturating_add(count));
    if total as usize > MAX_MEMBERS {
        return Err(NotMade::TooMany(total as usize));
    }
    let tasks = members
        .iter()
        .zip(before..)
        .map(|(asked, index)| Task::accept(member(&root.tenant, root.id, asked.clone(), index), ids::fresh(), now));
    let set: Doc = [("total".to_owned(), total.into())].into_iter().collect();
    let mut writes = vec![root.write(Patch { set, ..Patch::default() }, now)];
    for number in before / PART_SIZE..parts_of(total) {
        let key = part::key(&root.tenant, root.id, number);
        writes.push(match number < parts_of(before) {
            true => root::patched(key, part::growing(size_of(number, total)), Expect::Any, now),
            false => {
                let part = Part::new(number, total, root.doc.policy.ends_early());
                RecordWrite::put(key, part.into_doc(), Expect::Absent, now)
            }
        });
    }
    Ok((tasks.collect(), writes))
}
