//! What comes in between: each test stops somebody in the middle, has another come, and lets the first go on.

use std::{future::Future, pin::pin, sync::Mutex};

use async_trait::async_trait;
use futures::poll;
use serde_json::json;

use super::tests::{Does, One, group_of, many, members, types};
use crate::{
    change::{With, change},
    gather::make_group,
    group::{self, Announce, GroupPolicy, GroupStatus, Making, mark},
    handler::Handler,
    ids::{self, Name, TaskKey},
    json::Json,
    lifecycle::{Asked, FailureKind, KeptFailure, Member, Report, Settlement, Status, Task, Trigger},
    testing::{Faults, Sandbox},
};

/// Lets `work` make so many steps, then has `other` come, and lets it end. Whether it had not ended before.
async fn interrupted<T>(faults: &Faults, steps: usize, work: impl Future<Output = T>, other: impl Future) -> bool {
    let mut work = pin!(work);
    for _ in 0..steps {
        if poll!(work.as_mut()).is_ready() {
            return false;
        }
        faults.go();
    }
    other.await;
    while poll!(work.as_mut()).is_pending() {
        faults.go();
    }
    true
}

/// A parent that waits for one that has failed and one that is at work.
async fn one_is_left() -> (Sandbox, Task, Task) {
    let sandbox = Sandbox::new(types());
    let parent = many(&sandbox, &[Does::Fail, Does::End], GroupPolicy::WaitAll).await;
    sandbox.execute(&parent.key).await;
    sandbox.execute(&members(&sandbox)[0].key).await;
    let claim = Trigger::Claim { worker: ids::fresh(), lease: None };
    let last = change(sandbox.app(), &members(&sandbox)[1], claim, With::nothing()).await.unwrap();
    let parent = sandbox.task(&parent.key).await;
    (sandbox, parent, last)
}

fn ends(task: &Task) -> Trigger {
    let (fence, settlement) = (task.fence().unwrap(), Settlement::Complete(Json::new(&json!(1))));
    Trigger::Settle { fence, settlement, report: Report::default() }
}

#[tokio::test]
async fn whenever_a_member_is_set_going_again_no_group_is_closed_over_it() {
    let mut open = 0;
    for steps in 0.. {
        let (sandbox, parent, last) = one_is_left().await;
        let faults = Faults::stepping();
        let app = faults.around(sandbox.app());
        let was = Mutex::new(GroupStatus::Open);
        let redrive = async {
            *was.lock().unwrap() = group_of(&sandbox, &parent).await.status;
            sandbox.client().retry(members(&sandbox)[0].key.id, None).await.unwrap();
        };
        let went_on = interrupted(&faults, steps, change(&app, &last, ends(&last), With::nothing()), redrive).await;
        if !went_on {
            break;
        }
        let group = group_of(&sandbox, &parent).await;
        let closed_before = *was.lock().unwrap() != GroupStatus::Open;
        assert_eq!(group.status != GroupStatus::Open, closed_before, "after {steps} steps");
        sandbox.drain().await;
        let ended = sandbox.task(&parent.key).await;
        let said = if closed_before { "failed" } else { "completed" };
        assert_eq!(ended.output().unwrap()["group"], said, "after {steps} steps");
        open += usize::from(!closed_before);
    }
    assert!(open > 4, "{open}");
}

#[tokio::test]
async fn a_mark_that_comes_late_after_a_redrive_says_nothing() {
    let (sandbox, parent, _) = one_is_left().await;
    let member = Member { group: parent.waits_for().unwrap(), index: 0 };
    for drive in 0..2 {
        let failed = members(&sandbox)[0].clone();
        assert!(failed.status().is_ended() && failed.redrives == drive);
        sandbox.client().retry(failed.key.id, None).await.unwrap();
        mark::mark(sandbox.app(), &failed, member).await.unwrap();
        let group = group_of(&sandbox, &parent).await;
        assert_eq!((group.ended, group.failed), (0, 0), "in drive {drive}");
        sandbox.client().cancel(failed.key.id, "once more").await.unwrap();
    }
}

#[tokio::test]
async fn all_have_ended_before_the_parent_waits() {
    let sandbox = Sandbox::new(types());
    let parent = many(&sandbox, &[Does::End, Does::End], GroupPolicy::WaitAll).await;
    let claim = Trigger::Claim { worker: ids::fresh(), lease: None };
    let held = change(sandbox.app(), &parent, claim, With::nothing()).await.unwrap();
    // Its worker has made the group, and is slow to say that it waits.
    let (app, step) = (sandbox.app(), group::MakerStep::of(&held).unwrap());
    let asked = (0..2).map(|n| one(&sandbox, Does::End, n));
    let making = Making::of_task(&held, step, &Name::of("many"), asked.collect());
    let (group, _) = group::make_root(app, Some(app), &making).await.unwrap();
    for member in members(&sandbox) {
        sandbox.execute(&member.key).await;
    }
    let waits = Trigger::Settle {
        fence: held.fence().unwrap(),
        settlement: Settlement::Wait { group: group.id },
        report: Report::default(),
    };
    change(app, &held, waits, With::nothing()).await.unwrap();
    assert_eq!(sandbox.task(&parent.key).await.run_at(), Some(sandbox.now()), "not at its next look");
}

/// Has all that was made run to its end before any more is made.
struct AtOnce<'a>(&'a Sandbox);

#[async_trait]
impl Announce for AtOnce<'_> {
    async fn announce(&self, tasks: &[Task]) {
        for task in tasks {
            self.0.execute(&task.key).await;
        }
    }
}

/// What is asked for as a member.
fn one(sandbox: &Sandbox, does: Does, n: u32) -> Asked {
    let key = TaskKey { tenant: Name::default(), id: ids::fresh() };
    let payload = Json::new(&serde_json::to_value(One { does, n }).unwrap());
    Asked::of_type(key, Name::of(One::TYPE), payload, "me".to_owned(), sandbox.now())
}

fn asked(sandbox: &Sandbox, count: u32, does: Does) -> Making {
    let members = (0..count).map(|n| one(sandbox, does, n)).collect();
    Making::of_request(Name::default(), ids::fresh(), GroupPolicy::WaitAll, members)
}

#[tokio::test]
async fn all_have_ended_before_the_last_is_made() {
    let sandbox = Sandbox::new(types());
    let making = asked(&sandbox, 3, Does::End);
    let (group, _) = group::make_root(sandbox.app(), Some(&AtOnce(&sandbox)), &making).await.unwrap();
    assert_eq!((group.status, group.over), (GroupStatus::Completed, true));
}

/// Calls the group off when the first of it are made.
struct CalledOff<'a>(&'a Sandbox, uuid::Uuid);

#[async_trait]
impl Announce for CalledOff<'_> {
    async fn announce(&self, _: &[Task]) {
        self.0.client().cancel_group(self.1).await.unwrap();
        self.0.drain().await;
    }
}

#[tokio::test]
async fn called_off_while_it_is_made_no_more_of_it_is_made() {
    let sandbox = Sandbox::new(types());
    let making = asked(&sandbox, 250, Does::Wait);
    let (group, _) = group::make_root(sandbox.app(), Some(&CalledOff(&sandbox, making.id)), &making).await.unwrap();
    assert_eq!(group.status, GroupStatus::Cancelled);
    let made = members(&sandbox);
    assert_eq!(made.len(), 100, "as many as one step makes");
    assert!(made.iter().all(|task| task.status() == Status::Cancelled));
}

/// A parent that a worker has, and the group that it makes.
async fn being_made(count: u32) -> (Sandbox, Task, Making) {
    let sandbox = Sandbox::new(types());
    let parent = many(&sandbox, &[], GroupPolicy::WaitAll).await;
    let claim = Trigger::Claim { worker: ids::fresh(), lease: None };
    let held = change(sandbox.app(), &parent, claim, With::nothing()).await.unwrap();
    let asked = (0..count).map(|n| one(&sandbox, Does::Wait, n)).collect();
    let making = Making::of_task(&held, group::MakerStep::of(&held).unwrap(), &Name::of("many"), asked);
    (sandbox, held, making)
}

#[tokio::test]
async fn called_off_while_a_handler_makes_it_no_more_of_it_is_made() {
    let (sandbox, _, making) = being_made(90).await;
    let (app, hook) = (sandbox.app(), CalledOffAlone(&sandbox, making.id));
    let (group, _) = group::make_root(app, Some(&hook), &making).await.unwrap();
    assert_eq!((group.status, members(&sandbox).len()), (GroupStatus::Cancelled, 40));
}

/// The same, while the worker of the task that makes it goes on.
struct CalledOffAlone<'a>(&'a Sandbox, uuid::Uuid);

#[async_trait]
impl Announce for CalledOffAlone<'_> {
    async fn announce(&self, _: &[Task]) {
        self.0.client().cancel_group(self.1).await.unwrap();
    }
}

/// A parent that fails when the first of its members are made, and others are not.
async fn half_made() -> (Sandbox, Task) {
    let (sandbox, held, making) = being_made(90).await;
    let faults = Faults::stepping();
    let app = faults.around(sandbox.app());
    let mut work = Box::pin(group::make_root(&app, None, &making));
    while members(&sandbox).is_empty() {
        assert!(poll!(work.as_mut()).is_pending());
        faults.go();
    }
    drop(work);
    let failure = KeptFailure::new(FailureKind::Handler, "no", sandbox.now(), 1);
    let settlement = Settlement::Fail { failure };
    let trigger = Trigger::Settle { fence: held.fence().unwrap(), settlement, report: Report::default() };
    change(sandbox.app(), &held, trigger, With::nothing()).await.unwrap();
    (sandbox, held)
}

#[tokio::test]
async fn what_a_task_has_begun_to_make_ends_with_it() {
    for is_removed in [false, true] {
        let (sandbox, parent) = half_made().await;
        if is_removed {
            sandbox.remove(&parent.key);
        }
        sandbox.drain().await;
        let made = members(&sandbox);
        assert!(made.iter().all(|member| member.status() == Status::Cancelled), "removed: {is_removed}");
    }
}

#[tokio::test]
async fn a_member_that_was_made_too_late_ends_as_it_begins() {
    let sandbox = Sandbox::new(types());
    let group = make_group(sandbox.app(), &asked(&sandbox, 1, Does::Wait)).await.unwrap();
    sandbox.client().cancel_group(group.id).await.unwrap();
    sandbox.drain().await;
    let mut late = one(&sandbox, Does::End, 7);
    late.member_of.push(Member { group: group.id, index: 7 });
    let late = Task::accept(late, ids::fresh(), sandbox.now());
    crate::store::insert(&*sandbox.app().store, late.clone()).await.unwrap();
    sandbox.execute(&late.key).await;
    let late = sandbox.task(&late.key).await;
    assert_eq!((late.status(), late.executions), (Status::Cancelled, 0));
}
