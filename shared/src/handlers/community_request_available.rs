//! `community_request_available`: tells an expert of a question that they may answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    priorities,
    scoring::{RECENT, matching, rank, score},
};
use crate::domain::{CommunityRequest, CommunityResponse, RequestStatus, User};
use errand::{Asked, Failure, FieldError, Handler, Id, Outcome, TaskContext, spi::accept::check_has_user};

/// Adds a question to the community to the priorities of the task's user, an expert, by how well the two fit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"request_id": "demo-request", "expertise_needed": ["storage"]}))]
pub struct CommunityRequestAvailable {
    /// The question.
    pub request_id: Id,
    /// What is asked.
    #[serde(default)]
    pub question: Option<String>,
    /// What sort of question.
    #[serde(default)]
    pub category: Option<String>,
    /// What one should know about to answer it; empty: what the question itself says.
    #[serde(default)]
    pub expertise_needed: Vec<String>,
}

impl Handler for CommunityRequestAvailable {
    const TYPE: &'static str = "community_request_available";
    type State = ();

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        check_has_user(new)
    }

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let expert = task.need::<User>(task.user_id()?).await?;
        let request = task.need::<CommunityRequest>(&self.request_id).await?;
        if request.value.status == RequestStatus::Closed {
            return Ok(Outcome::skipped(format!("community request {} is closed", request.id)));
        }
        let needed =
            if self.expertise_needed.is_empty() { &request.value.expertise_needed } else { &self.expertise_needed };
        let responses = task.owned::<CommunityResponse>(&expert.id, RECENT).await?;
        let score = score(matching(&expert.value.expertise, needed), responses.iter().map(|response| &response.value));
        let priority = priorities::priority(&expert.id, "community_request", &request.id, rank(score), score);
        priorities::offer(task, &priority).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;

    async fn world() -> World {
        let world = World::new();
        world.put("user/u", json!({"expert_connector": true, "expertise": ["Law"]})).await;
        world
            .put(
                "community_request/r",
                json!({"question": "?", "requester_id": "asker", "expertise_needed": ["law", "tax"]}),
            )
            .await;
        world
    }

    #[tokio::test]
    async fn the_question_becomes_a_priority_by_its_score_and_once() {
        let world = world().await;
        for (n, usefulness) in [9.0, 3.0].into_iter().enumerate() {
            let response = json!({"request_id": "old", "expert_id": "u", "text": "t", "usefulness": usefulness});
            world.put(&format!("community_response/{n}"), response).await;
        }
        let done = world.run("community_request_available", json!({"request_id": "r"})).await;
        let priority = world.get(&format!("priority/{}", done.output()["priority_id"].as_str().unwrap())).await;
        let expected = json!({"user_id": "u", "item_type": "community_request", "item_id": "r", "rank": 1,
            "value_score": 80, "status": "active"});
        assert_eq!(priority, expected);
        let again = world.run("community_request_available", json!({"request_id": "r"})).await.skipped();
        assert_eq!(again, "user u has a priority about community request r already");
    }

    #[tokio::test]
    async fn what_the_task_says_is_needed_counts_before_what_the_question_says() {
        let payload = json!({"request_id": "r", "expertise_needed": ["cooking"]});
        let done = world().await.run("community_request_available", payload).await;
        assert_eq!((&done.output()["value_score"], &done.output()["rank"]), (&json!(50), &json!(3)));
    }

    #[tokio::test]
    async fn a_closed_question_is_offered_to_nobody() {
        let world = world().await;
        world.patch("community_request/r", json!({"status": "closed"})).await;
        let skipped = world.run("community_request_available", json!({"request_id": "r"})).await.skipped();
        assert_eq!(skipped, "community request r is closed");
    }
}
