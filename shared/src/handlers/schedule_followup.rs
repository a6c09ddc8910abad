//! `schedule_followup`: comes back to a user about something.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Failure, Outcome, TaskContext, TaskHandler, concierge, talk};
use crate::{
    domain::{Channel, User},
    ids::Id,
};

/// The payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
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

#[async_trait]
impl TaskHandler for ScheduleFollowup {
    async fn handle(&self, task: &TaskContext<'_>) -> Result<Outcome, Failure> {
        let user_id = task.user_id()?;
        let Some(user) = task.get::<User>(user_id).await? else {
            return Err(Failure::transient(format!("user {user_id} does not exist (yet)")));
        };
        let Some(conversation) = talk::active_conversation(task, user_id, self.conversation_id.as_ref()).await? else {
            return Ok(Outcome::skipped(format!("user {user_id} has no active conversation")));
        };
        let role = user.value.poc_agent_type.clone().unwrap_or_else(concierge);
        let greeting = user.value.first_name.as_deref().map_or("Hi".to_owned(), |name| format!("Hi {name}"));
        let content = format!("{greeting}, following up: {}", self.reason);
        let sent = talk::outbound(task, &conversation.id, role, Channel::Sms, content);
        let output = json!({"message_id": sent.message_id, "conversation_id": conversation.id});
        Ok(Outcome::Complete { output, effects: vec![sent.effect] })
    }
}
