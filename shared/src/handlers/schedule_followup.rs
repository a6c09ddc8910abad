//! `schedule_followup`: comes back to a user about something.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::talk::{self, Words};
use errand::{
    Asked, Failure, FieldError, Handler, Id, Outcome, TaskContext,
    spi::accept::{check_has_user, check_says_something},
};

/// Comes back to the task's user about something, in their active conversation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"reason": "you asked for a cheaper way to store punched cards"}))]
pub struct ScheduleFollowup {
    /// What it is about, as the user will read it.
    pub reason: String,
    /// The message it comes back to.
    #[serde(default)]
    pub original_message_id: Option<Id>,
    /// Where to say it; without one, the user's active conversation.
    #[serde(default)]
    pub conversation_id: Option<Id>,
}

impl Handler for ScheduleFollowup {
    const TYPE: &'static str = "schedule_followup";
    type State = ();

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        check_has_user(new)?;
        check_says_something("reason", &self.reason)
    }

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let partner = match talk::partner(task, task.user_id()?, self.conversation_id.as_ref()).await? {
            Ok(partner) => partner,
            Err(skipped) => return Ok(skipped),
        };
        let content = format!("{}, following up: {}", partner.greeting(), self.reason);
        let said = partner.say(task, Words::text(content));
        let output = json!({"message_id": said.message_id, "conversation_id": partner.conversation.id});
        Ok(Outcome::Complete { output, effects: vec![said.effect] })
    }
}
