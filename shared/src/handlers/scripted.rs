//! `scripted`: does what it is told, for tests and measurements; an installation has to be told to do so.

use std::{future, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::{CreditEvent, SCRIPTED};
use errand::{
    Effect, Expect, Failure, GroupPolicy, Handler, Id, Name, Outcome, Relation, Relations, Status, StoreError, Task,
    TaskContext,
    spi::{event, store::BODY_BYTES},
};

/// Does what it is told, for tests and measurements: what in which execution, and what to leave behind. It is off, unless
/// the installation has been told otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"acts": [{"snooze": 0}, "complete"]}))]
pub struct Scripted {
    /// One act for each execution; the last for all that follow. Empty: complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
    /// On completion, leaves a record of kind `scripted` with this parent; on any other end, one with this parent +
    /// `.ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Id>,
    /// On completion, gives the task's user this credit, once for each task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<i64>,
    /// On completion, publishes an event of this type; not one of the families that others speak in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<FreeType>,
    /// On completion, enqueues a task with this payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Box<Scripted>>,
    /// What each of many does that one of these makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Box<Scripted>>,
    /// What of it that end badly mean for all.
    #[serde(default, skip_serializing_if = "waits_for_all")]
    pub policy: GroupPolicy,
    /// Weight: carried and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ballast: Option<String>,
}

fn waits_for_all(policy: &GroupPolicy) -> bool {
    *policy == GroupPolicy::WaitAll
}

/// The type of an event that nothing else here publishes: whoever listens may believe in the others.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct FreeType(String);

impl TryFrom<String> for FreeType {
    type Error = String;

    fn try_from(event_type: String) -> Result<Self, String> {
        match event::family(&event_type) {
            Some(family) => Err(format!("events of types `{family}.…` are told by who they come from alone")),
            None => Ok(Self(event_type)),
        }
    }
}

/// What one execution does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Completes, with what is to be left behind.
    Complete,
    /// Fails, to be tried again.
    Fail(String),
    /// Fails for good.
    FailForGood(String),
    /// Fails, to be tried again after so many seconds.
    RetryAfter(u64),
    /// Puts itself off by so many seconds.
    Snooze(u64),
    /// Calls itself off.
    Cancel(String),
    /// Asks for a person.
    Block(String),
    /// Panics.
    Panic,
    /// Never answers.
    Hang,
    /// Completes after so many milliseconds.
    Sleep(u64),
    /// Completes with this many characters of output.
    Output(usize),
    /// Makes so many tasks with the payload `member`, waits for them, and completes with how they have ended.
    FanOut(usize),
    /// Works in a step named `work` before it fails; completes once that step is there.
    Step,
}

/// Enough to be too large; more would only be memory that anybody could ask for.
const MOST_OUTPUT: usize = 2 * BODY_BYTES;

impl Handler for Scripted {
    const TYPE: &'static str = "scripted";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let nth = usize::try_from(task.task().executions.saturating_sub(1)).unwrap_or(usize::MAX);
        match self.acts.get(nth).or(self.acts.last()).unwrap_or(&Act::Complete) {
            Act::Complete => self.complete(task, json!({"execution": task.task().executions})),
            Act::Output(chars) => self.complete(task, json!("x".repeat((*chars).min(MOST_OUTPUT)))),
            Act::Sleep(ms) => {
                task.sleep(Duration::from_millis(*ms)).await;
                self.complete(task, Value::Null)
            }
            Act::FanOut(count) => self.fan_out(task, *count).await,
            Act::Step => {
                let by: u32 = task.step(&Name::of("work"), async { Ok(task.task().executions) }).await?;
                if by == task.task().executions {
                    return Err(Failure::transient("failed after its step"));
                }
                self.complete(task, json!({"step_by": by}))
            }
            Act::Fail(message) => Err(Failure::transient(message)),
            Act::FailForGood(message) => Err(Failure::permanent(message)),
            Act::RetryAfter(s) => Err(Failure::retry_after("asked to wait", Duration::from_secs(*s))),
            Act::Snooze(s) => Ok(Outcome::Snooze(Duration::from_secs(*s))),
            Act::Cancel(reason) => Ok(Outcome::Cancel(reason.clone())),
            Act::Block(reason) => Ok(Outcome::Block(reason.clone())),
            #[allow(clippy::panic)] // what a broken handler does
            Act::Panic => panic!("told to panic"),
            Act::Hang => future::pending().await,
        }
    }

    async fn ended(&self, task: &TaskContext<'_>, ended: &Task, (): &()) -> Result<Vec<Effect>, StoreError> {
        let note = |mark: &Id| Id::new(&format!("{mark}.ended")).ok().map(|id| hit(id, task).or_skip());
        let completed = ended.status() == Status::Completed;
        Ok(self.mark.iter().filter(|_| !completed).filter_map(note).collect())
    }
}

impl Scripted {
    async fn fan_out(&self, task: &TaskContext<'_>, count: usize) -> Result<Outcome, Failure> {
        let member = self.member.as_deref().cloned().unwrap_or_default();
        let members = (0..count).map(|_| task.follow_up(&member, Duration::ZERO)).collect::<Result<_, _>>()?;
        let group = task.fan_out(&Name::of("members"), self.policy, members).await?;
        if !group.over {
            return Ok(group.wait());
        }
        self.complete(task, json!({"group": group.status, "total": group.total, "failed": group.failed}))
    }

    fn complete(&self, task: &TaskContext<'_>, output: Value) -> Result<Outcome, Failure> {
        let mut effects: Vec<Effect> = Vec::new();
        effects.extend(self.mark.clone().map(|id| hit(id, task)));
        if let Some(amount) = self.credit {
            let credit = CreditEvent { user_id: task.user_id()?.clone(), amount, reason: "scripted".to_owned() };
            effects.push(credit.effect(&Id::new(&task.idempotency_key())?, task.now()));
        }
        let subject = Id::from(task.task().key.id);
        effects.extend(self.publish.as_ref().map(|kind| Effect::publish(task.event(&kind.0, &subject, Value::Null))));
        if let Some(then) = &self.then {
            effects.push(Effect::enqueue(task.follow_up(&**then, Duration::ZERO)?));
        }
        Ok(Outcome::Complete { output, effects })
    }
}

/// Puts a record that tells of this execution; a second one of the same task would be seen.
fn hit(mark: Id, task: &TaskContext<'_>) -> Effect {
    let id = Id::new(&format!("{mark}.{}.{}", task.task().life(), task.task().executions)).unwrap_or(mark.clone());
    let relations = Relations { parent: Some(Relation { of: mark, sort: task.now().to_string() }), owner: None };
    let doc = [("task".to_owned(), json!(task.task().key.id))].into_iter().collect();
    Effect::put(Name::of(SCRIPTED), id, doc, relations, Expect::Absent)
}
