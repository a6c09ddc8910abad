//! `re_engagement_check`: whether a user who has gone silent should be spoken to again.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    concierge, priorities,
    talk::{self, Partner},
};
use crate::domain::{Conversation, ConversationStatus, Introduction, IntroductionStatus};
use errand::{
    Asked, Effect, Failure, FieldError, Handler, Id, Name, Outcome, Stored, TaskContext, Timestamp,
    spi::accept::check_has_user,
};

/// Looks whether the task's user, who has gone silent, should be spoken to again. For the agent `bouncer` one who has not
/// finished signing up: asked twice, a day apart, then the conversation is paused. For `concierge` and `innovator` a
/// member: what there is to speak about goes to the agent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"attempt_count": 0, "missing_fields": ["email"]}))]
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

impl Handler for ReEngagementCheck {
    const TYPE: &'static str = "re_engagement_check";
    type State = ();

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        check_has_user(new)
    }

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let partner = match talk::partner(task, task.user_id()?, None).await? {
            Ok(partner) => partner,
            Err(skipped) => return Ok(skipped),
        };
        let agent = task.task().agent_type.clone().unwrap_or_else(concierge);
        match agent.as_str() {
            "bouncer" => self.bouncer(task, &partner).await,
            "concierge" | "innovator" => self.companion(task, &agent, &partner).await,
            other => Err(Failure::permanent(format!("agent_type {other} has no re-engagement"))),
        }
    }
}

impl ReEngagementCheck {
    /// Somebody who began to sign up: asked twice, a day apart, then left alone.
    async fn bouncer(&self, task: &TaskContext<'_>, partner: &Partner) -> Result<Outcome, Failure> {
        let Partner { user, conversation } = partner;
        if user.value.verified {
            return Ok(Outcome::skipped(format!("user {} is verified", user.id)));
        }
        let heard = talk::last_heard(task, &conversation.id).await?;
        if heard.is_some_and(|at| at > task.task().created_at) {
            return Ok(Outcome::skipped(format!("user {} has written since", user.id)));
        }
        if self.attempt_count >= MAX_ATTEMPTS {
            let output = json!({"paused": conversation.id, "attempt_count": self.attempt_count});
            return Ok(Outcome::Complete { output, effects: vec![pause(conversation)] });
        }
        let guidance = json!({
            "type": "re_engagement",
            "attempt": self.attempt_count + 1,
            "current_step": self.current_step,
            "missing_fields": self.missing_fields,
            "last_interaction_at": self.last_interaction_at,
        });
        let said = partner.guide(task, &guidance);
        let next = ReEngagementCheck { attempt_count: self.attempt_count + 1, ..self.clone() };
        let next = task.follow_up(&next, NEXT_CHECK)?;
        let output = json!({"message_id": said.message_id, "next_check": next.key.id});
        Ok(Outcome::Complete { output, effects: vec![said.effect, Effect::enqueue(next)] })
    }

    /// A member: what there is to speak about goes to the agent that speaks with them.
    async fn companion(&self, task: &TaskContext<'_>, agent: &Name, partner: &Partner) -> Result<Outcome, Failure> {
        let Partner { user, conversation } = partner;
        // What others write as records need not have touched the conversation.
        let heard = talk::last_heard(task, &conversation.id).await?;
        let last = conversation.value.last_message_at.max(heard).unwrap_or(conversation.created_at);
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
        let said = partner.guide(task, &guidance);
        let output = json!({"message_id": said.message_id, "days_since_last_message": days});
        Ok(Outcome::Complete { output, effects: vec![said.effect] })
    }
}

async fn priorities(task: &TaskContext<'_>, user: &Id) -> Result<Vec<Value>, Failure> {
    let first = priorities::active(task, user).await?.into_iter().take(PRIORITIES).map(|p| p.value);
    Ok(first.map(|p| json!({"item_type": p.item_type, "item_id": p.item_id, "rank": p.rank})).collect())
}

async fn pending_introductions(task: &TaskContext<'_>, user: &Id) -> Result<Vec<Value>, Failure> {
    let theirs = task.owned::<Introduction>(user, 100).await?;
    let pending = theirs.into_iter().filter(|i| i.value.status == IntroductionStatus::Pending);
    Ok(pending.map(|i| json!({"id": i.id, "prospect_name": i.value.prospect_name})).collect())
}

/// Only if nothing was said since: who has just answered is not left alone.
fn pause(conversation: &Stored<Conversation>) -> Effect {
    conversation.set([("status", json!(ConversationStatus::Paused))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;
    use errand::{Expect, spi::ids};

    async fn world() -> World {
        let world = World::new();
        world.put("user/u", json!({})).await;
        world.put("conversation/c", json!({"user_id": "u"})).await;
        world
    }

    #[tokio::test]
    async fn somebody_silent_is_asked_twice_a_day_apart_and_then_left_alone() {
        let world = world().await;
        let mut done = world.run_as(Some("bouncer"), "re_engagement_check", json!({"attempt_count": 0})).await;
        for _ in 0..2 {
            let message = world.get(&format!("message/{}", done.output()["message_id"].as_str().unwrap())).await;
            assert_eq!((&message["direction"], &message["role"]), (&json!("inbound"), &json!("system")));
            let told = world.events().await.into_iter().filter(|told| told["subject"] == done.output()["message_id"]);
            let [told] = &told.collect::<Vec<_>>()[..] else { panic!("nobody hears of it") };
            let expected = json!({"conversation": "c", "user": "u", "agent_type": "bouncer"});
            assert_eq!((&told["type"], &told["data"]), (&json!("message.guidance"), &expected));
            let [next] = world.follow_ups(&done).await.try_into().unwrap();
            assert_eq!(next.scheduled_for, world.now() + NEXT_CHECK);
            world.advance(NEXT_CHECK);
            done = world.take(&next).await;
        }
        assert_eq!(done.output(), json!({"paused": "c", "attempt_count": 2}));
        assert_eq!(world.get("conversation/c").await["status"], "paused");
    }

    #[test]
    fn a_pause_demands_the_conversation_as_it_was_read() {
        let value = Conversation {
            user_id: Id::of("u"),
            status: ConversationStatus::Active,
            last_message_at: None,
            messages_since_summary: 0,
        };
        let read = Stored { id: Id::of("c"), version: ids::fresh(), created_at: Timestamp::default(), value };
        let set = [("status".to_owned(), json!("paused"))].into_iter().collect();
        let patch = errand::Patch { set, ..Default::default() };
        let expected = Effect::patch(Name::of("conversation"), Id::of("c"), patch, Expect::Version(read.version));
        assert_eq!(pause(&read), expected);
    }
}
