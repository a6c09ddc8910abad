//! `deliver_solution_findings`: tells a user what the search for a solution has found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::talk::{self, Words};
use crate::domain::{Workflow, WorkflowStatus};
use errand::{Asked, Failure, FieldError, Handler, Id, Outcome, TaskContext, spi::accept::check_says_something};

/// Sends the findings of a search for a solution to the user it is for; the search is then delivered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"workflow_id": "demo-workflow-done", "findings": "Two vendors rent fireproof shelves by the month."}))]
pub struct DeliverSolutionFindings {
    /// The search.
    pub workflow_id: Id,
    /// What was found, as the user will read it.
    pub findings: String,
    /// Where to say it; without one, the user's active conversation.
    #[serde(default)]
    pub conversation_id: Option<Id>,
}

impl Handler for DeliverSolutionFindings {
    const TYPE: &'static str = "deliver_solution_findings";
    type State = ();

    fn admits(&self, _: &Asked) -> Result<(), FieldError> {
        check_says_something("findings", &self.findings)
    }

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let workflow = task.need::<Workflow>(&self.workflow_id).await?;
        if workflow.value.status == WorkflowStatus::Delivered {
            return Ok(Outcome::skipped(format!("the findings of workflow {} are delivered already", workflow.id)));
        }
        let user_id = &workflow.value.user_id;
        let partner = match talk::partner(task, user_id, self.conversation_id.as_ref()).await? {
            Ok(partner) => partner,
            Err(skipped) => return Ok(skipped),
        };
        let content = format!("{}, here is what we found: {}", partner.greeting(), self.findings);
        let said = partner.say(task, Words::text(content));
        let delivered = workflow.set([("status", json!(WorkflowStatus::Delivered))]);
        let output = json!({"message_id": said.message_id, "conversation_id": partner.conversation.id});
        Ok(Outcome::Complete { output, effects: vec![said.effect, delivered] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;

    #[tokio::test]
    async fn findings_are_said_once_and_the_search_is_delivered() {
        let world = World::new();
        world.put("user/u", json!({"first_name": "Ada"})).await;
        world.put("conversation/c", json!({"user_id": "u"})).await;
        world.put("workflow/w", json!({"user_id": "u", "request": "?", "step": "s"})).await;
        let payload = json!({"workflow_id": "w", "findings": "Shelves."});
        let done = world.run("deliver_solution_findings", payload.clone()).await;
        let message = world.get(&format!("message/{}", done.output()["message_id"].as_str().unwrap())).await;
        assert_eq!(message["content"], "Hi Ada, here is what we found: Shelves.");
        assert_eq!(world.get("workflow/w").await["status"], "delivered");
        assert_eq!(world.events().await[0]["type"], "message.pending");
        let again = world.run("deliver_solution_findings", payload).await.skipped();
        assert_eq!(again, "the findings of workflow w are delivered already");
    }

    #[tokio::test]
    async fn a_conversation_of_somebody_else_is_not_spoken_in() {
        let world = World::new();
        world.put("user/u", json!({})).await;
        world.put("conversation/theirs", json!({"user_id": "other"})).await;
        world.put("workflow/w", json!({"user_id": "u", "request": "?", "step": "s"})).await;
        let payload = json!({"workflow_id": "w", "findings": "Shelves.", "conversation_id": "theirs"});
        let skipped = world.run("deliver_solution_findings", payload).await.skipped();
        assert_eq!(skipped, "theirs is no active conversation of user u");
        assert_eq!(world.get("workflow/w").await["status"], json!(null), "nothing is delivered");
    }
}
