//! `notify_expert_of_impact`: lets an expert hear what their response did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::priorities;
use crate::domain::{CommunityResponse, ResponseStatus, UserPriority};
use errand::{Entity, Failure, Handler, Id, Outcome, TaskContext};

/// Adds the impact of a response to its expert's priorities, and closes the loop of the response.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"response_id": "demo-response-useful"}))]
pub struct NotifyExpertOfImpact {
    /// The response.
    pub response_id: Id,
}

const RANK: u32 = 3;
const VALUE: u32 = 70;

impl Handler for NotifyExpertOfImpact {
    const TYPE: &'static str = "notify_expert_of_impact";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let response = task.need::<CommunityResponse>(&self.response_id).await?;
        let expert = &response.value.expert_id;
        if response.value.status == ResponseStatus::ClosedLoop {
            return Ok(Outcome::skipped(format!(
                "user {expert} was told of the impact of response {} already",
                response.id
            )));
        }
        let priority = priorities::priority(expert, "response_impact", &response.id, RANK, VALUE);
        let closed = response.set([("status", json!(ResponseStatus::ClosedLoop))]);
        let output = json!({"priority_id": UserPriority::only_id(&priority), "response_id": response.id});
        Ok(Outcome::Complete { output, effects: vec![priorities::add(task, &priority), closed] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;

    #[tokio::test]
    async fn the_expert_gets_a_priority_and_the_loop_is_closed_once() {
        let world = World::new();
        let response = json!({"request_id": "r", "expert_id": "e", "text": "t", "status": "rewarded"});
        world.put("community_response/a", response).await;
        let done = world.run("notify_expert_of_impact", json!({"response_id": "a"})).await;
        let priority = world.get(&format!("priority/{}", done.output()["priority_id"].as_str().unwrap())).await;
        let expected = json!({"user_id": "e", "item_type": "response_impact", "item_id": "a", "rank": 3,
            "value_score": 70, "status": "active"});
        assert_eq!(priority, expected);
        assert_eq!(world.get("community_response/a").await["status"], "closed_loop");
        let again = world.run("notify_expert_of_impact", json!({"response_id": "a"})).await.skipped();
        assert_eq!(again, "user e was told of the impact of response a already");
    }
}
