//! `community_response_available`: tells whoever asked that there is a response.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::priorities;
use crate::domain::{CommunityRequest, CommunityResponse};
use errand::{Failure, Handler, Id, Outcome, TaskContext};

/// Adds an expert's response to the priorities of the user who asked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"response_id": "demo-response", "request_id": "demo-request"}))]
pub struct CommunityResponseAvailable {
    /// The response.
    pub response_id: Id,
    /// What it responds to.
    pub request_id: Id,
}

/// An answer to one's own question comes before almost everything.
const RANK: u32 = 1;
const VALUE: u32 = 90;

impl Handler for CommunityResponseAvailable {
    const TYPE: &'static str = "community_response_available";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let response = task.need::<CommunityResponse>(&self.response_id).await?;
        let request = task.need::<CommunityRequest>(&self.request_id).await?;
        if response.value.request_id != request.id {
            let message = format!("response {} is not to community request {}", response.id, request.id);
            return Err(Failure::permanent(message));
        }
        let user = &request.value.requester_id;
        priorities::offer(task, &priorities::priority(user, "community_response", &response.id, RANK, VALUE)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;

    async fn world() -> World {
        let world = World::new();
        world.put("community_request/r", json!({"question": "?", "requester_id": "asker"})).await;
        world.put("community_response/a", json!({"request_id": "r", "expert_id": "e", "text": "t"})).await;
        world
    }

    #[tokio::test]
    async fn a_response_becomes_a_priority_of_who_asked_and_once() {
        let (world, payload) = (world().await, json!({"response_id": "a", "request_id": "r"}));
        let done = world.run("community_response_available", payload.clone()).await;
        assert_eq!((&done.output()["rank"], &done.output()["value_score"]), (&json!(1), &json!(90)));
        let priority = world.get(&format!("priority/{}", done.output()["priority_id"].as_str().unwrap())).await;
        assert_eq!((&priority["user_id"], &priority["item_id"]), (&json!("asker"), &json!("a")));
        let again = world.run("community_response_available", payload).await.skipped();
        assert_eq!(again, "user asker has a priority about community response a already");
    }

    #[tokio::test]
    async fn a_response_that_is_not_here_yet_is_waited_for_and_one_to_another_question_refused() {
        let world = world().await;
        let waits = world.run("community_response_available", json!({"response_id": "b", "request_id": "r"})).await;
        assert_eq!(waits.retried(), "community response b does not exist (yet)");
        world.put("community_request/other", json!({"question": "?", "requester_id": "asker"})).await;
        let payload = json!({"response_id": "a", "request_id": "other"});
        let failed = world.run("community_response_available", payload).await.failed();
        assert_eq!(failed, "response a is not to community request other");
    }
}
