//! `research_solution`: asks whoever listens to look for a solution to a user's problem.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use errand::{
    Asked, Effect, Failure, FieldError, Handler, Id, Outcome, Priority, TaskContext,
    spi::accept::{check_has_user, check_says_something},
};

/// Asks whoever listens, by the event `user.inquiry.solution_needed`, to look for a solution to a problem of the task's
/// user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"description": "punched cards take too much room", "category": "storage", "urgency": "high"}))]
pub struct ResearchSolution {
    /// The problem, in the user's words.
    pub description: String,
    /// What sort of problem.
    #[serde(default)]
    pub category: Option<String>,
    /// How soon an answer is wanted.
    #[serde(default)]
    pub urgency: Priority,
    /// Where it came up.
    #[serde(default)]
    pub conversation_id: Option<Id>,
}

impl Handler for ResearchSolution {
    const TYPE: &'static str = "research_solution";
    type State = ();

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        check_has_user(new)?;
        check_says_something("description", &self.description)
    }

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let user = task.user_id()?;
        let data = json!({
            "user": user,
            "conversation": self.conversation_id,
            "description": self.description,
            "category": self.category,
            "urgency": self.urgency,
            "task": task.task().key.id,
        });
        let event = task.event("user.inquiry.solution_needed", user, data);
        let output = json!({"event_id": event.id, "description": self.description});
        Ok(Outcome::Complete { output, effects: vec![Effect::publish(event)] })
    }
}
