//! `intro_followup_check`: asks how an introduction went.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::talk::{self, Words};
use crate::domain::{Introduction, IntroductionStatus};
use errand::{Effect, Failure, Handler, Id, Outcome, TaskContext};

/// Asks the user of an introduction how it went, and again 7 days later; after two questions it is closed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"introduction_id": "demo-introduction-sent"}))]
pub struct IntroFollowupCheck {
    /// The introduction.
    pub introduction_id: Id,
    /// How often the user was asked already; 0 is never.
    #[serde(default)]
    pub check_count: u32,
    /// What to ask; without it, how it went.
    #[serde(default)]
    pub user_question: Option<String>,
}

/// How long after it was sent, or after the last question, the user is asked.
pub(super) const CHECK_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

const MAX_CHECKS: u32 = 2;

impl Handler for IntroFollowupCheck {
    const TYPE: &'static str = "intro_followup_check";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let introduction = task.need::<Introduction>(&self.introduction_id).await?;
        let (id, status) = (&introduction.id, introduction.value.status);
        if status.is_over() {
            return Ok(Outcome::skipped(format!("introduction {id} is {}", status.as_str())));
        }
        if self.check_count >= MAX_CHECKS {
            let closed = introduction.set([("status", json!(IntroductionStatus::Closed))]);
            let output = json!({"introduction_id": id, "closed": true, "check_count": self.check_count});
            return Ok(Outcome::Complete { output, effects: vec![closed] });
        }
        let user_id = introduction.value.user_id();
        let partner = match talk::partner(task, user_id, None).await? {
            Ok(partner) => partner,
            Err(skipped) => return Ok(skipped),
        };
        let question = self
            .user_question
            .clone()
            .unwrap_or_else(|| format!("how did the introduction to {} go?", introduction.value.prospect_name));
        let said = partner.say(task, Words::text(format!("{}, {question}", partner.greeting())));
        let checked = introduction.set([("checked_at", json!(task.now()))]);
        let next = IntroFollowupCheck { check_count: self.check_count + 1, ..self.clone() };
        let next = task.follow_up_about(Some(user_id), &next, CHECK_AFTER)?;
        let output = json!({"message_id": said.message_id, "next_check": next.key.id});
        Ok(Outcome::Complete { output, effects: vec![said.effect, checked, Effect::enqueue(next)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;

    async fn world(status: &str) -> World {
        let world = World::new();
        world.put("user/u", json!({"first_name": "Ada"})).await;
        world.put("conversation/c", json!({"user_id": "u"})).await;
        let introduction = json!({"connector_id": "u", "prospect_name": "Charles", "status": status});
        world.put("introduction/i", introduction).await;
        world
    }

    #[tokio::test]
    async fn the_user_is_asked_twice_a_week_apart_and_then_it_is_closed() {
        let world = world("sent").await;
        let mut done = world.run("intro_followup_check", json!({"introduction_id": "i"})).await;
        for nth in 1..=2 {
            let message = world.get(&format!("message/{}", done.output()["message_id"].as_str().unwrap())).await;
            assert_eq!(message["content"], "Hi Ada, how did the introduction to Charles go?");
            let [next] = world.follow_ups(&done).await.try_into().unwrap();
            let payload: IntroFollowupCheck = next.payload.parse().unwrap();
            assert_eq!((payload.check_count, next.scheduled_for), (nth, world.now() + CHECK_AFTER));
            world.advance(CHECK_AFTER);
            done = world.take(&next).await;
        }
        assert_eq!(done.output(), json!({"introduction_id": "i", "closed": true, "check_count": 2}));
        assert_eq!(world.get("introduction/i").await["status"], "closed");
        assert!(world.follow_ups(&done).await.is_empty());
    }

    #[tokio::test]
    async fn the_question_may_be_given() {
        let payload = json!({"introduction_id": "i", "user_question": "did you meet?"});
        let world = world("sent").await;
        let done = world.run("intro_followup_check", payload).await;
        let message = world.get(&format!("message/{}", done.output()["message_id"].as_str().unwrap())).await;
        assert_eq!(message["content"], "Hi Ada, did you meet?");
    }

    #[tokio::test]
    async fn an_introduction_that_is_over_is_left_alone() {
        for status in ["completed", "declined", "closed"] {
            let skipped =
                world(status).await.run("intro_followup_check", json!({"introduction_id": "i"})).await.skipped();
            assert_eq!(skipped, format!("introduction i is {status}"));
        }
    }
}
