//! `re_engagement_check`: whether a user who has gone silent should be spoken to again.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Failure, Outcome, TaskContext, TaskHandler, concierge, talk};
use crate::{
    clock::Timestamp,
    domain::{
        Conversation, Direction, Entity, Introduction, IntroductionStatus, Message, Priority, PriorityStatus, Stored,
        User,
    },
    effects::Effect,
    ids::{Id, Name},
    store::{Expect, Patch},
};

/// The payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReEngagementCheck {
    /// How far signing up has come.
    #[serde(default)]
    pub current_step: Option<String>,
    /// What is still unknown of the user.
    #[serde(default)]
    pub missing_fields: Vec<String>,
    /// When the user was last heard of.
    #[serde(default)]
    pub last_interaction_at: Option<Timestamp>,
    /// How often they have been asked already; 0 is never.
    pub attempt_count: u32,
}

/// A user who was asked so often without an answer is left alone.
const MAX_ATTEMPTS: u32 = 2;
const NEXT_CHECK: Duration = Duration::from_secs(24 * 3600);
/// How many priorities the guidance names.
const PRIORITIES: usize = 5;

#[async_trait]
impl TaskHandler for ReEngagementCheck {
    async fn handle(&self, task: &TaskContext<'_>) -> Result<Outcome, Failure> {
        let user_id = task.user_id()?;
        let Some(user) = task.get::<User>(user_id).await? else {
            return Err(Failure::transient(format!("user {user_id} does not exist (yet)")));
        };
        let Some(conversation) = talk::active_conversation(task, user_id, None).await? else {
            return Ok(Outcome::skipped(format!("user {user_id} has no active conversation")));
        };
        let agent = task.task().agent_type.clone().unwrap_or_else(concierge);
        match agent.as_str() {
            "bouncer" => self.bouncer(task, &user, &conversation).await,
            "concierge" | "innovator" => self.companion(task, &agent, &user, &conversation).await,
            other => Err(Failure::permanent(format!("agent_type {other} has no re-engagement"))),
        }
    }
}

impl ReEngagementCheck {
    /// Somebody who began to sign up: asked twice, a day apart, then left alone.
    async fn bouncer(
        &self,
        task: &TaskContext<'_>,
        user: &Stored<User>,
        conversation: &Stored<Conversation>,
    ) -> Result<Outcome, Failure> {
        if user.value.verified {
            return Ok(Outcome::skipped(format!("user {} is verified", user.id)));
        }
        if heard_from(task, &conversation.id, task.task().created_at).await? {
            return Ok(Outcome::skipped(format!("user {} has written since", user.id)));
        }
        if self.attempt_count >= MAX_ATTEMPTS {
            let output = json!({"paused": conversation.id, "attempt_count": self.attempt_count});
            return Ok(Outcome::Complete { output, effects: vec![pause(&conversation.id)] });
        }
        let guidance = json!({
            "type": "re_engagement",
            "attempt": self.attempt_count + 1,
            "current_step": self.current_step,
            "missing_fields": self.missing_fields,
            "last_interaction_at": self.last_interaction_at,
        });
        let said = talk::guidance(task, conversation, &guidance);
        let next = ReEngagementCheck { attempt_count: self.attempt_count + 1, ..self.clone() };
        let next = task.follow_up(task.task().task_type.clone(), &serde_json::to_value(next)?, NEXT_CHECK);
        let output = json!({"message_id": said.message_id, "next_check": next.key.id});
        Ok(Outcome::Complete { output, effects: vec![said.effect, Effect::enqueue(next)] })
    }

    /// A member: what there is to speak about goes to the agent that speaks with them.
    async fn companion(
        &self,
        task: &TaskContext<'_>,
        agent: &Name,
        user: &Stored<User>,
        conversation: &Stored<Conversation>,
    ) -> Result<Outcome, Failure> {
        let last = conversation.value.last_message_at.unwrap_or(conversation.created_at);
        let innovator = agent.as_str() == "innovator";
        let days = task.now().since(last).as_secs() / (24 * 3600);
        let guidance = json!({
            "type": "re_engagement",
            "days_since_last_message": days,
            "attempt_count": self.attempt_count,
            "priorities": priorities(task, &user.id).await?,
            "pending_introductions": if innovator { Some(pending_introductions(task, &user.id).await?) } else { None },
            "credits": innovator.then_some(user.value.credits),
        });
        let said = talk::guidance(task, conversation, &guidance);
        let output = json!({"message_id": said.message_id, "days_since_last_message": days});
        Ok(Outcome::Complete { output, effects: vec![said.effect] })
    }
}

/// Whether the user has written in this conversation after `since`; guidance, inbound too, does not count.
async fn heard_from(task: &TaskContext<'_>, conversation: &Id, since: Timestamp) -> Result<bool, Failure> {
    let newest = task.children::<Message>(conversation, 100).await?;
    let theirs = |m: &Message| m.direction == Direction::Inbound && m.role.as_str() != "system";
    Ok(newest.iter().any(|m| m.created_at > since && theirs(&m.value)))
}

async fn priorities(task: &TaskContext<'_>, user: &Id) -> Result<Vec<Value>, Failure> {
    let mut active = task.children::<Priority>(user, 100).await?;
    active.retain(|p| p.value.status == PriorityStatus::Active);
    active.sort_by_key(|p| (p.value.rank, std::cmp::Reverse(p.value.value_score)));
    let first = active.into_iter().take(PRIORITIES).map(|p| p.value);
    Ok(first.map(|p| json!({"item_type": p.item_type, "item_id": p.item_id, "rank": p.rank})).collect())
}

async fn pending_introductions(task: &TaskContext<'_>, user: &Id) -> Result<Vec<Value>, Failure> {
    let theirs = task.owned::<Introduction>(user, 100).await?;
    let pending = theirs.into_iter().filter(|i| i.value.status == IntroductionStatus::Pending);
    Ok(pending.map(|i| json!({"id": i.id, "prospect_name": i.value.prospect_name})).collect())
}

fn pause(conversation: &Id) -> Effect {
    let set = [("status".to_owned(), json!("paused"))].into_iter().collect();
    Effect::patch(Conversation::kind(), conversation.clone(), Patch { set, ..Patch::default() }, Expect::Any)
}
