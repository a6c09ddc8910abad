//! Groups as handlers make them, in a sandbox: their ends, and what comes in between.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    group::{Group, GroupPolicy, GroupStatus, view},
    handler::{Failure, Handler, Outcome, TaskContext},
    ids::Name,
    lifecycle::{Status, Task},
    operate::Operation,
    registry::Registry,
    testing::{Sandbox, crash_everywhere},
};

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Does {
    /// Ends well.
    End,
    /// Fails for good, until it is set going again.
    Fail,
    /// Needs an hour.
    Wait,
    /// Has members of its own.
    FanOut,
}

/// One of many.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct One {
    pub(super) does: Does,
    pub(super) n: u32,
}

/// One that makes many.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Many {
    members: Vec<Does>,
    policy: GroupPolicy,
    #[serde(default)]
    then: Then,
}

/// What follows the making of them.
#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
enum Then {
    /// It waits for them.
    #[default]
    Waits,
    /// It is through, and does not wait.
    Completes,
    /// It is not to be done after all.
    CallsItselfOff,
}

async fn fan_out(task: &TaskContext<'_>, members: &[Does], policy: GroupPolicy) -> Result<Outcome, Failure> {
    let asked = members.iter().zip(0..).map(|(does, n)| task.follow_up(&One { does: *does, n }, Duration::ZERO));
    let group = task.fan_out(&Name::of("many"), policy, asked.collect::<Result<_, _>>()?).await?;
    if !group.over {
        return Ok(group.wait());
    }
    let ends = task.members(&group, 0, 100).await?;
    let ends: Vec<_> = ends.iter().map(|(_, member)| member.as_ref().map(|member| member.status())).collect();
    Ok(Outcome::done(json!({"group": group.status, "members": ends})))
}

impl Handler for One {
    const TYPE: &'static str = "one";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        match self.does {
            Does::Fail if task.task().redrives == 0 => Err(Failure::permanent("no")),
            Does::End | Does::Fail => Ok(Outcome::done(self.n.into())),
            Does::Wait if task.task().snoozes == 0 => Ok(Outcome::Snooze(Duration::from_secs(3600))),
            Does::Wait => Ok(Outcome::done(self.n.into())),
            Does::FanOut => fan_out(task, &[Does::End, Does::End], GroupPolicy::WaitAll).await,
        }
    }
}

impl Handler for Many {
    const TYPE: &'static str = "many";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let waits = fan_out(task, &self.members, self.policy).await?;
        Ok(match self.then {
            Then::Waits => waits,
            Then::Completes => Outcome::done(json!("without them")),
            Then::CallsItselfOff => Outcome::Cancel("not needed".to_owned()),
        })
    }
}

pub(super) fn types() -> Registry {
    Registry::new().add::<One>(()).add::<Many>(())
}

pub(super) async fn many(sandbox: &Sandbox, members: &[Does], policy: GroupPolicy) -> Task {
    sandbox.enqueue(&Many { members: members.to_vec(), policy, then: Then::Waits }).await
}

/// A parent that has made one that needs an hour and one that ends, and has ended itself; and the group.
async fn waits_for_none(then: Then) -> (Sandbox, Task, Uuid) {
    let sandbox = Sandbox::new(types());
    let members = vec![Does::Wait, Does::End];
    let parent = sandbox.enqueue(&Many { members, policy: GroupPolicy::WaitAll, then }).await;
    sandbox.execute(&parent.key).await;
    let group = self::members(&sandbox)[0].member_of[0].group;
    (sandbox, parent, group)
}

/// What the parent ended with, once nothing is left to come.
async fn ended(members: &[Does], policy: GroupPolicy) -> (Sandbox, Task) {
    let sandbox = Sandbox::new(types());
    let parent = many(&sandbox, members, policy).await;
    sandbox.drain().await;
    let parent = sandbox.task(&parent.key).await;
    (sandbox, parent)
}

pub(super) async fn group_of(sandbox: &Sandbox, parent: &Task) -> Group {
    view::counted(sandbox.app(), &parent.key.tenant, parent.waits_for().unwrap()).await.unwrap().unwrap()
}

pub(super) fn members(sandbox: &Sandbox) -> Vec<Task> {
    let mut members: Vec<Task> = sandbox.tasks().into_iter().filter(|task| !task.member_of.is_empty()).collect();
    members.sort_by_key(|task| task.member_of[0].index);
    members
}

#[tokio::test]
async fn a_parent_is_started_once_when_all_have_ended() {
    let (sandbox, parent) = ended(&[Does::End, Does::Wait, Does::Fail], GroupPolicy::WaitAll).await;
    let said = json!({"group": "failed", "members": ["completed", "completed", "failed"]});
    assert_eq!((parent.output(), parent.executions, parent.snoozes), (Some(said), 2, 0));
    let rows = sandbox.app().store.log(&parent, 0, 10).await.unwrap().items;
    let outcomes: Vec<_> = rows.iter().map(|row| row.outcome.as_str()).collect();
    assert_eq!(outcomes, ["waited", "completed"]);
    let waited = parent.ended_at.unwrap().since(parent.created_at);
    assert!(waited < Duration::from_secs(3600 + 60), "it waited for a look: {waited:?}");
}

#[tokio::test]
async fn a_group_of_more_than_one_part_and_one_of_nobody() {
    let (_, parent) = ended(&[Does::End; 250], GroupPolicy::WaitAll).await;
    assert_eq!(parent.output().unwrap()["group"], "completed");
    let (_, parent) = ended(&[], GroupPolicy::WaitAll).await;
    assert_eq!(parent.output().unwrap(), json!({"group": "completed", "members": []}));
    assert_eq!(parent.executions, 1, "there is nothing to wait for");
}

#[tokio::test]
async fn with_the_first_failure_the_others_are_called_off() {
    let (sandbox, parent) = ended(&[Does::Wait, Does::Fail, Does::Wait], GroupPolicy::FailFast).await;
    let said = json!({"group": "failed", "members": ["cancelled", "failed", "cancelled"]});
    assert_eq!(parent.output(), Some(said));
    assert!(parent.ended_at.unwrap().since(parent.created_at) < Duration::from_secs(600));
    assert_eq!(members(&sandbox)[0].executions, 1);
}

#[tokio::test]
async fn as_many_as_are_tolerated_may_fail() {
    let some = [Does::Fail, Does::Fail, Does::End, Does::Wait];
    for (policy, status) in [
        (GroupPolicy::Tolerate(2), "completed"),
        (GroupPolicy::ToleratePercent(50), "completed"),
        (GroupPolicy::Tolerate(1), "failed"),
        (GroupPolicy::ToleratePercent(49), "failed"),
    ] {
        let (sandbox, parent) = ended(&some, policy).await;
        assert_eq!(parent.output().unwrap()["group"], status, "{policy:?}");
        let last = if status == "failed" { Status::Cancelled } else { Status::Completed };
        assert_eq!(members(&sandbox)[3].status(), last, "{policy:?}");
    }
}

#[tokio::test]
async fn members_may_have_members() {
    let (_, parent) = ended(&[Does::FanOut, Does::End, Does::FanOut], GroupPolicy::WaitAll).await;
    assert_eq!(parent.output().unwrap()["members"], json!(["completed", "completed", "completed"]));
}

/// A parent that waits for one that needs an hour, one that has failed and one that has ended.
async fn waiting() -> (Sandbox, Task) {
    let sandbox = Sandbox::new(types());
    let parent = many(&sandbox, &[Does::Wait, Does::Fail, Does::End], GroupPolicy::WaitAll).await;
    sandbox.execute(&parent.key).await;
    for member in members(&sandbox) {
        sandbox.execute(&member.key).await;
    }
    let parent = sandbox.task(&parent.key).await;
    assert_eq!(parent.status(), Status::Waiting);
    (sandbox, parent)
}

#[tokio::test]
async fn a_failure_that_is_set_right_while_the_group_is_open_counts_as_well() {
    let (sandbox, parent) = waiting().await;
    let group = group_of(&sandbox, &parent).await;
    assert_eq!((group.status, group.ended, group.failed), (GroupStatus::Open, 2, 1));
    sandbox.client().retry(members(&sandbox)[1].key.id, None).await.unwrap();
    let group = group_of(&sandbox, &parent).await;
    assert_eq!((group.ended, group.failed), (1, 0));
    sandbox.drain().await;
    assert_eq!(sandbox.task(&parent.key).await.output().unwrap()["group"], "completed");
}

#[tokio::test]
async fn what_is_set_going_again_after_the_group_ends_for_itself() {
    let (sandbox, parent) = ended(&[Does::Fail], GroupPolicy::WaitAll).await;
    sandbox.client().retry(members(&sandbox)[0].key.id, None).await.unwrap();
    sandbox.drain().await;
    assert_eq!(members(&sandbox)[0].status(), Status::Completed);
    assert_eq!(sandbox.task(&parent.key).await.revision, parent.revision);
}

/// How it ended nobody can say: the mark of its end may have been lost with whoever was to make it.
#[tokio::test]
async fn a_member_that_is_removed_before_its_end_was_marked_is_waited_for_no_longer() {
    for is_redriven in [false, true] {
        let (sandbox, parent) = waiting().await;
        let [_, failed, _] = &members(&sandbox)[..] else { panic!("three members") };
        if is_redriven {
            sandbox.client().retry(failed.key.id, None).await.unwrap();
            sandbox.remove(&failed.key);
        }
        sandbox.remove(&members(&sandbox)[0].key);
        sandbox.drain().await;
        let failed = if is_redriven { Value::Null } else { "failed".into() };
        let said = json!({"group": "failed", "members": [null, failed, "completed"]});
        assert_eq!(sandbox.task(&parent.key).await.output(), Some(said));
    }
}

#[tokio::test]
async fn members_end_with_the_parent_that_is_called_off() {
    let (sandbox, parent) = waiting().await;
    let group = parent.waits_for().unwrap();
    sandbox.client().cancel(parent.key.id, "enough").await.unwrap();
    let group = sandbox.client().group(group).await.unwrap().unwrap();
    assert_eq!(group.status, GroupStatus::Cancelled, "in the same commit");
    sandbox.drain().await;
    let ends: Vec<_> = members(&sandbox).iter().map(Task::status).collect();
    assert_eq!(ends, [Status::Cancelled, Status::Failed, Status::Completed]);
    let parent = sandbox.task(&parent.key).await;
    assert_eq!((parent.status(), parent.executions), (Status::Cancelled, 1));
}

#[tokio::test]
async fn a_parent_that_calls_itself_off_takes_its_group_with_it() {
    let (sandbox, parent, group) = waits_for_none(Then::CallsItselfOff).await;
    assert_eq!(sandbox.task(&parent.key).await.status(), Status::Cancelled);
    let group = sandbox.client().group(group).await.unwrap().unwrap();
    assert_eq!(group.status, GroupStatus::Cancelled, "in the same commit");
    sandbox.drain().await;
    assert!(members(&sandbox).iter().all(|member| member.status() == Status::Cancelled));
}

/// Whoever waits for none may be removed, for its age, while they are at work.
#[tokio::test]
async fn members_outlive_a_parent_that_completed_and_was_removed() {
    let (sandbox, parent, group) = waits_for_none(Then::Completes).await;
    assert_eq!(sandbox.task(&parent.key).await.status(), Status::Completed);
    sandbox.remove(&parent.key);
    sandbox.drain().await;
    let ends: Vec<_> = members(&sandbox).iter().map(Task::status).collect();
    assert_eq!(ends, [Status::Completed; 2]);
    let group = sandbox.client().group(group).await.unwrap().unwrap();
    assert_eq!((group.status, group.over), (GroupStatus::Completed, true));
}

#[tokio::test]
async fn a_parent_goes_on_when_its_group_is_called_off() {
    let (sandbox, parent) = waiting().await;
    let client = sandbox.client();
    let group = client.cancel_group(parent.waits_for().unwrap()).await.unwrap().unwrap();
    assert_eq!(group.status, GroupStatus::Cancelled);
    sandbox.drain().await;
    let said = json!({"group": "cancelled", "members": ["cancelled", "failed", "completed"]});
    assert_eq!(sandbox.task(&parent.key).await.output(), Some(said));
}

#[tokio::test]
async fn set_going_again_a_parent_makes_a_group_anew() {
    let (sandbox, parent) = waiting().await;
    sandbox.client().cancel(parent.key.id, "enough").await.unwrap();
    sandbox.client().retry(parent.key.id, None).await.unwrap();
    sandbox.drain().await;
    let said = json!({"group": "failed", "members": ["completed", "failed", "completed"]});
    assert_eq!(sandbox.task(&parent.key).await.output(), Some(said));
    assert_eq!(members(&sandbox).len(), 6);
}

#[tokio::test]
async fn one_that_waits_is_moved_by_nothing_else() {
    let (sandbox, parent) = waiting().await;
    let client = sandbox.client();
    assert!(client.operate(parent.key.id, Operation::Process { force: true }).await.is_err());
    assert!(client.retry(parent.key.id, None).await.is_err());
    assert!(client.reschedule(parent.key.id, sandbox.now()).await.is_err());
    assert_eq!(sandbox.task(&parent.key).await, parent);
}

#[tokio::test]
async fn however_it_crashes_the_same_comes_of_it() {
    let given = async |sandbox: &Sandbox| {
        many(sandbox, &[Does::End, Does::Fail], GroupPolicy::WaitAll).await;
    };
    let crashes = crash_everywhere(types, given).await.unwrap();
    assert!(crashes > 40, "{crashes}");
}

#[tokio::test]
async fn however_it_crashes_the_others_are_called_off() {
    let given = async |sandbox: &Sandbox| {
        many(sandbox, &[Does::Fail, Does::Wait], GroupPolicy::FailFast).await;
    };
    crash_everywhere(types, given).await.unwrap();
}
