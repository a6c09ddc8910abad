//! `solution_workflow_timeout`: looks whether a search for a solution has what it needs by now.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::{Workflow, WorkflowStatus};
use errand::{Effect, Failure, Handler, Id, Name, Outcome, Stored, TaskContext};

/// Ends a step of a search for a solution: with enough responses it moves on and `solution.research_complete` is
/// published; else it gets another 24 hours, once, and then `solution.timed_out` is published.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"workflow_id": "demo-workflow", "step": "research"}))]
pub struct SolutionWorkflowTimeout {
    /// The search.
    pub workflow_id: Id,
    /// The step whose time is up; if the search is at another, nothing is.
    pub step: Name,
}

const EXTENSION: Duration = Duration::from_secs(24 * 3600);
const MAX_EXTENSIONS: u32 = 1;

/// What a search is at once it has its responses.
const NEXT_STEP: &str = "deliver_findings";

impl Handler for SolutionWorkflowTimeout {
    const TYPE: &'static str = "solution_workflow_timeout";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let workflow = task.need::<Workflow>(&self.workflow_id).await?;
        let Workflow { step, status, responses, min_responses, extensions, .. } = &workflow.value;
        if *status != WorkflowStatus::Active {
            return Ok(Outcome::skipped(format!("workflow {} is over", workflow.id)));
        }
        if *step != self.step {
            return Ok(Outcome::skipped(format!("workflow {} is at step {step}, not {}", workflow.id, self.step)));
        }
        if responses >= min_responses {
            let moved = workflow.set([("status", json!(WorkflowStatus::ResearchComplete)), ("step", json!(NEXT_STEP))]);
            return Ok(told(task, &workflow, moved, "solution.research_complete"));
        }
        if *extensions < MAX_EXTENSIONS {
            let again = task.follow_up(&self.clone(), EXTENSION)?;
            let extended = workflow.set([("extensions", json!(extensions + 1))]);
            let output = json!({"workflow_id": workflow.id, "result": "extended", "next_check": again.key.id});
            return Ok(Outcome::Complete { output, effects: vec![extended, Effect::enqueue(again)] });
        }
        let over = workflow.set([("status", json!(WorkflowStatus::TimedOut))]);
        Ok(told(task, &workflow, over, "solution.timed_out"))
    }
}

fn told(task: &TaskContext<'_>, workflow: &Stored<Workflow>, change: Effect, event_type: &str) -> Outcome {
    let Workflow { user_id, responses, min_responses, insights, .. } = &workflow.value;
    let data = json!({"workflow": workflow.id, "user": user_id, "responses": responses, "min_responses": min_responses, "insights": insights});
    let event = task.event(event_type, &workflow.id, data);
    let output = json!({"workflow_id": workflow.id, "result": event_type, "event_id": event.id});
    Outcome::Complete { output, effects: vec![change, Effect::publish(event)] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;

    async fn world(responses: u32) -> World {
        let world = World::new();
        let workflow = json!({"user_id": "u", "request": "?", "step": "research", "responses": responses});
        world.put("workflow/w", workflow).await;
        world
    }

    fn payload() -> serde_json::Value {
        json!({"workflow_id": "w", "step": "research"})
    }

    #[tokio::test]
    async fn with_enough_responses_it_moves_on() {
        let world = world(2).await;
        world.run("solution_workflow_timeout", payload()).await.output();
        let workflow = world.get("workflow/w").await;
        assert_eq!((&workflow["status"], &workflow["step"]), (&json!("research_complete"), &json!("deliver_findings")));
        let [event] = world.events().await.try_into().unwrap();
        assert_eq!((&event["type"], &event["subject"]), (&json!("solution.research_complete"), &json!("w")));
        let again = world.run("solution_workflow_timeout", payload()).await.skipped();
        assert_eq!(again, "workflow w is over");
    }

    #[tokio::test]
    async fn with_too_few_it_is_given_a_day_once_and_then_times_out() {
        let world = world(1).await;
        let extended = world.run("solution_workflow_timeout", payload()).await;
        assert_eq!(world.get("workflow/w").await["extensions"], 1);
        assert!(world.events().await.is_empty());
        let [again] = world.follow_ups(&extended).await.try_into().unwrap();
        assert_eq!(again.scheduled_for, world.now() + EXTENSION);
        world.advance(EXTENSION);
        world.take(&again).await.output();
        assert_eq!(world.get("workflow/w").await["status"], "timed_out");
        let [event] = world.events().await.try_into().unwrap();
        assert_eq!(event["type"], "solution.timed_out");
    }

    #[tokio::test]
    async fn a_step_that_is_over_cannot_time_out() {
        let world = world(0).await;
        world.patch("workflow/w", json!({"step": "review"})).await;
        let skipped = world.run("solution_workflow_timeout", payload()).await.skipped();
        assert_eq!(skipped, "workflow w is at step review, not research");
    }
}
