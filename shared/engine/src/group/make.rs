//! How a group is made: the root, the parts, who waits, the members, the seal. Broken off, it goes on where it stood: all ids
//! are derived from the group's.

use std::{iter, time::Duration};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    group::{
        Next, close,
        look::FIRST,
        part::{self, Part},
        policy::{GroupPolicy, On},
        root::{self, GroupWaiter, Of, Root, RootDoc},
        view::Group,
    },
    ids::{self, Name, TaskKey},
    lifecycle::{Asked, Fence, Member, Task},
    services::Services,
    spans::enqueue,
    store::{
        self, Commit, Doc, Expect, Inserted, MAX_TRIES, Part as CommitPart, Patch, RecordWrite, StoreError, TaskWrite,
    },
};

/// The most members of a group.
pub const MAX_MEMBERS: usize = 10_000;

/// The most members that one commit makes: each may have its payload apart, and a commit has a hundred items.
pub(super) const STEP: usize = 40;

/// How many members are inserted at a time where no commit makes them.
const PLAIN_STEP: usize = 100;

/// How often a making says that it goes on: often, beside the hour after which it is given up.
const STANDS_STILL: Duration = Duration::from_secs(600);

/// How many parts are made at the same time.
const AT_ONCE: usize = 16;

/// A task that is made with a group, and waits for its end.
#[derive(Clone, Debug)]
pub struct GroupCallback {
    /// What is asked for.
    pub asked: Asked,
    /// For which end.
    pub on: On,
}

/// Under what a handler makes its group: its worker's fence.
#[derive(Clone, Debug)]
pub struct MakerStep {
    /// Which task.
    pub key: TaskKey,
    /// Its worker.
    pub fence: Fence,
    /// In which drive.
    pub drive: u32,
}

/// Who makes a group.
#[derive(Clone, Debug)]
pub enum Maker {
    /// A task's handler.
    Task(MakerStep),
    /// Somebody from outside.
    Request,
}

/// A group to make.
#[derive(Clone, Debug)]
pub struct Making {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: Name,
    /// What it is called.
    pub name: Option<Name>,
    /// Who makes it.
    pub maker: Maker,
    /// What members that end badly mean for it.
    pub policy: GroupPolicy,
    /// Its members: their keys are made from its own.
    pub members: Vec<Asked>,
    /// What waits for its end.
    pub callbacks: Vec<GroupCallback>,
    /// Tells one request from another under the same id.
    pub hash: Option<String>,
}

/// Why a group was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The task that makes it is no longer its worker's.
    #[error("the lease was lost")]
    LeaseLost,
    /// It was begun with other members.
    #[error("the group was begun with {0} members; its members are the same whenever it is made")]
    Differs(u32),
    /// More than [`MAX_MEMBERS`].
    #[error("{0} members; a group has at most {MAX_MEMBERS}")]
    TooMany(usize),
    /// More than are added in one commit.
    #[error("{0} members; at most {STEP} are added at a time")]
    TooManyAtOnce(usize),
    /// There is no such group.
    #[error("there is no such group")]
    Gone,
    /// It is closed, or being made yet.
    #[error("the group is not open")]
    NotOpen,
    /// The store did not do it. Made again, it goes on where it stood.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sends the messages of tasks that were made.
#[async_trait]
pub trait Announce: Send + Sync {
    /// What is not sent, the poller brings.
    async fn announce(&self, tasks: &[Task]);
}

/// What was asked for, as the member of this number.
pub(super) fn member(tenant: &Name, group: Uuid, mut asked: Asked, index: u32) -> Asked {
    asked.key = TaskKey { tenant: tenant.clone(), id: id_in(group, index) };
    asked.member_of.push(Member { group, index });
    asked
}

/// The id of a member.
pub(crate) fn id_in(group: Uuid, index: u32) -> Uuid {
    ids::derived(&["member", &group.to_string(), &index.to_string()])
}

impl MakerStep {
    /// Under the fence of the worker that holds `task`; `None` if none does.
    pub(crate) fn of(task: &Task) -> Option<Self> {
        Some(Self { key: task.key.clone(), fence: task.fence()?, drive: task.redrives })
    }
}

impl Making {
    /// The group that the handler of a task calls `name`, in the task's present drive.
    pub(crate) fn of_task(task: &Task, step: MakerStep, name: &Name, members: Vec<Asked>) -> Self {
        Self {
            id: ids::derived(&["group", &task.life(), &task.redrives.to_string(), name.as_str()]),
            tenant: task.key.tenant.clone(),
            name: Some(name.clone()),
            maker: Maker::Task(step),
            policy: GroupPolicy::default(),
            members,
            callbacks: Vec::new(),
            hash: None,
        }
    }

    /// A group that a request asks for.
    pub fn of_request(tenant: Name, id: Uuid, policy: GroupPolicy, members: Vec<Asked>) -> Self {
        Self { id, tenant, name: None, maker: Maker::Request, policy, members, callbacks: Vec::new(), hash: None }
    }

    fn total(&self) -> Result<u32, NotMade> {
        let count = self.members.len();
        if count > MAX_MEMBERS {
            return Err(NotMade::TooMany(count));
        }
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn root(&self, total: u32) -> RootDoc {
        let (of, parent) = match &self.maker {
            Maker::Task(step) => (Of::Task, Some((step.key.id, step.drive))),
            Maker::Request => (Of::Request, None),
        };
        let callbacks =
            self.callbacks.iter().map(|callback| GroupWaiter { task: callback.asked.key.id, on: callback.on });
        let waiters = parent.map(|(task, _)| GroupWaiter { task, on: On::End }).into_iter().chain(callbacks).collect();
        RootDoc {
            hash: self.hash.clone(),
            name: self.name.clone(),
            policy: self.policy,
            waiters,
            ..RootDoc::new(of, parent, total)
        }
    }

    /// The members from `first` on, so many, as tasks.
    fn tasks(&self, first: usize, count: usize, services: &Services) -> Vec<Task> {
        let now = services.clock.now();
        let indexed = self.members.iter().zip(0u32..).skip(first).take(count);
        indexed
            .map(|(asked, index)| Task::accept(member(&self.tenant, self.id, asked.clone(), index), ids::fresh(), now))
            .collect()
    }
}

/// Makes the group, or what is missing of it; also what becomes of who waits, if it is over already.
pub(crate) async fn make_root(
    services: &Services,
    announce: Option<&dyn Announce>,
    making: &Making,
) -> Result<(Group, Vec<Next>), NotMade> {
    let total = making.total()?;
    let (root, is_new) = begin(services, &making.tenant, making.id, || making.root(total)).await?;
    // What was added since is no other group.
    let is_other = if root.doc.sealed || root.doc.closed.is_some() { false } else { root.doc.total != total };
    if is_other || root.doc.hash != making.hash {
        return Err(NotMade::Differs(root.doc.total));
    }
    if root.doc.sealed || root.doc.closed.is_some() {
        return Ok((Group::from(&root), Vec::new()));
    }
    make_parts(services, &root).await?;
    let now = services.clock.now();
    let waiting = making.callbacks.iter();
    let waiting = waiting.map(|it| Task::accept_after(making.id, it.asked.clone(), ids::fresh(), now)).collect();
    for inserted in insert(services, waiting).await {
        inserted?;
    }
    let mut first = 0;
    while first < making.members.len() {
        let made = match &making.maker {
            Maker::Task(step) => fenced(services, making, step, (first, STEP), !is_new).await?,
            Maker::Request => plain(services, making, (first, PLAIN_STEP)).await?,
        };
        // It was called off meanwhile.
        let Some((made, count)) = made else { break };
        if let Some(announce) = announce {
            announce.announce(&made).await;
        }
        first += count;
    }
    let (root, next) = seal(services, &making.tenant, making.id).await?;
    Ok((Group::from(&root), next))
}

/// The root, new or as it is there.
pub(super) async fn begin(
    services: &Services,
    tenant: &Name,
    group: Uuid,
    new: impl FnOnce() -> RootDoc,
) -> Result<(Root, bool), StoreError> {
    if let Some(root) = root::find(services, tenant, group).await? {
        return Ok((root, false));
    }
    let now = services.clock.now();
    let new = new();
    let made_by = new.parent.map(|(task, _)| root::among_its_tasks(task, now));
    let listed = (new.of != Of::After).then(|| root::among_all(now));
    let doc = match serde_json::to_value(new) {
        Ok(serde_json::Value::Object(doc)) => doc,
        _ => Doc::new(),
    };
    let mut write = RecordWrite::put(root::key(tenant, group), doc, Expect::Absent, now);
    if let RecordWrite::Put { record, .. } = &mut write {
        record.wake_at = Some(now + FIRST);
        record.parent = made_by;
        record.owner = listed;
    }
    let is_new = root::write(services, write).await?;
    let root = root::find(services, tenant, group).await?;
    Ok((root.ok_or(StoreError::Busy)?, is_new))
}

/// Before any member: a member that ends finds its place.
pub(super) async fn make_parts(services: &Services, root: &Root) -> Result<(), StoreError> {
    let tells = root.doc.policy.ends_early();
    let made = stream::iter(root.parts()).map(|number| {
        let doc = Part::new(number, root.doc.total, tells).into_doc();
        let key = part::key(&root.tenant, root.id, number);
        root::write(services, RecordWrite::put(key, doc, Expect::Absent, services.clock.now()))
    });
    made.buffer_unordered(AT_ONCE).try_collect::<Vec<bool>>().await?;
    Ok(())
}

type Made = Option<(Vec<Task>, usize)>;

/// Makes members under the fence of the handler that makes them, while the group is open.
async fn fenced(
    services: &Services,
    making: &Making,
    step: &MakerStep,
    (first, count): (usize, usize),
    mut seek: bool,
) -> Result<Made, NotMade> {
    for _ in 0..MAX_TRIES {
        let mut tasks = making.tasks(first, count, services);
        let taken = tasks.len();
        if seek {
            let keys: Vec<TaskKey> = tasks.iter().map(|task| task.key.clone()).collect();
            let there = services.store.tasks(&keys).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            let mut there = there.iter();
            tasks.retain(|_| there.next().is_some_and(Option::is_none));
            if tasks.is_empty() {
                return Ok(Some((tasks, taken)));
            }
        }
        let open = Patch { guards: vec![root::open()], ..Patch::default() };
        let open = root::patched(root::key(&making.tenant, making.id), open, Expect::Any, services.clock.now());
        let commit = Commit {
            task: Some(TaskWrite::Step { key: step.key.clone(), fence: step.fence }),
            records: vec![open],
            tasks: tasks.clone(),
        };
        match store::commit(&*services.store, commit).await {
            Ok(()) => return Ok(Some((tasks, taken))),
            Err(StoreError::Conflict { parts }) if parts.contains(&CommitPart::Task) => return Err(NotMade::LeaseLost),
            Err(StoreError::Conflict { parts }) if parts.contains(&CommitPart::Record(0)) => return Ok(None),
            // Some are there: of an earlier execution.
            Err(StoreError::Conflict { .. }) => seek = true,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// Makes members one by one: a request has no fence. What is made just after the group was called off ends as it begins.
async fn plain(services: &Services, making: &Making, (first, count): (usize, usize)) -> Result<Made, NotMade> {
    let root = root::find(services, &making.tenant, making.id).await?;
    let Some(root) = root.filter(|root| root.doc.closed.is_none()) else { return Ok(None) };
    let now = services.clock.now();
    // A read costs less: that it goes on is said now and then.
    if root.made_at() + STANDS_STILL <= now {
        let set = [("made_at".to_owned(), now.as_millis().into())].into_iter().collect();
        root::write(services, root.write(Patch { set, ..Patch::default() }, now)).await?;
    }
    let tasks = making.tasks(first, count, services);
    let taken = tasks.len();
    let inserted = insert(services, tasks.clone()).await;
    let mut made = Vec::with_capacity(taken);
    for (task, inserted) in iter::zip(tasks, inserted) {
        made.extend(matches!(inserted?, Inserted::New).then_some(task));
    }
    Ok(Some((made, taken)))
}

async fn insert(services: &Services, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>> {
    let span = enqueue(tasks.iter());
    services.store.insert(tasks).instrument(span).await
}

/// Says that all members are made. It ends with a look: they may all have ended.
async fn seal(services: &Services, tenant: &Name, group: Uuid) -> Result<(Root, Vec<Next>), StoreError> {
    root::seal(services, tenant, group).await?;
    let root = root::find(services, tenant, group).await?.ok_or(StoreError::Busy)?;
    let next = if root.doc.closed.is_none() { close::settle(services, root).await? } else { root.tell() };
    let root = root::find(services, tenant, group).await?.ok_or(StoreError::Busy)?;
    Ok((root, next))
}
