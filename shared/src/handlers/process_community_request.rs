//! `process_community_request`: offers a question to the experts who may answer it.

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{community_request_available::CommunityRequestAvailable, scoring::matching};
use crate::domain::{CommunityRequest, RequestStatus, User};
use errand::{Asked, Effect, Failure, Handler, Id, Outcome, Priority, Stored, TaskContext};

/// Ranks the experts for a question to the community and offers it to the first 20. An expert may answer who has some
/// of the expertise needed (where none is needed: any), the one who asks excepted; who has more of it comes first, then
/// who has earned more credit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"request_id": "demo-request"}))]
pub struct ProcessCommunityRequest {
    /// The question.
    pub request_id: Id,
}

/// How many experts are asked at most.
const EXPERTS: usize = 20;

impl Handler for ProcessCommunityRequest {
    const TYPE: &'static str = "process_community_request";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let request = task.need::<CommunityRequest>(&self.request_id).await?;
        if request.value.status == RequestStatus::Closed {
            return Ok(Outcome::skipped(format!("community request {} is closed", request.id)));
        }
        let mut best = Best::default();
        task.each_owned::<User>(&User::experts(), 1000, |expert| best.consider(expert, &request.value)).await?;
        let experts = best.experts();
        if experts.is_empty() {
            return Ok(Outcome::skipped(format!("no expert can answer community request {}", request.id)));
        }
        let mut effects = vec![request.set([("offered_to", json!(experts.len()))])];
        for expert in &experts {
            effects.push(Effect::enqueue(self.offer(task, expert, &request.value)?));
        }
        Ok(Outcome::Complete { output: json!({"request_id": request.id, "offered_to": experts}), effects })
    }
}

impl ProcessCommunityRequest {
    fn offer(&self, task: &TaskContext<'_>, expert: &Id, request: &CommunityRequest) -> Result<Asked, Failure> {
        let offer = CommunityRequestAvailable {
            request_id: self.request_id.clone(),
            question: Some(request.question.clone()),
            category: request.category.clone(),
            expertise_needed: request.expertise_needed.clone(),
        };
        let offer = task.follow_up_about(Some(expert), &offer, Duration::ZERO)?;
        Ok(Asked { priority: Priority::Medium, ..offer })
    }
}

/// The experts to ask, of those considered so far: by what they match, then by credits, then by id. The others are
/// forgotten: there may be a thousand, of hundreds of KiB each.
#[derive(Default)]
struct Best(BTreeSet<(Reverse<usize>, Reverse<i64>, Id)>);

impl Best {
    fn consider(&mut self, expert: Stored<User>, request: &CommunityRequest) {
        let needed = &request.expertise_needed;
        let matches = matching(&expert.value.expertise, needed);
        if expert.id == request.requester_id || (matches == 0 && !needed.is_empty()) {
            return;
        }
        self.0.insert((Reverse(matches), Reverse(expert.value.credits), expert.id));
        if self.0.len() > EXPERTS {
            self.0.pop_last();
        }
    }

    /// The best first.
    fn experts(self) -> Vec<Id> {
        self.0.into_iter().map(|(_, _, id)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;

    async fn world() -> World {
        let world = World::new();
        world.put("user/asker", json!({"expert_connector": true, "expertise": ["law"]})).await;
        world
            .put(
                "community_request/r",
                json!({"question": "Who owns it?", "category": "ip", "requester_id": "asker",
            "expertise_needed": ["Law", "tax"]}),
            )
            .await;
        world
    }

    async fn expert(world: &World, id: &str, expertise: &[&str], credits: i64) {
        let user = json!({"expert_connector": true, "expertise": expertise, "credits": credits});
        world.put(&format!("user/{id}"), user).await;
    }

    #[tokio::test]
    async fn the_experts_who_match_are_offered_the_question_the_best_first() {
        let world = world().await;
        expert(&world, "one", &["LAW"], 5).await;
        expert(&world, "rich", &["tax"], 50).await;
        expert(&world, "both", &["law", "tax"], 0).await;
        expert(&world, "none", &["cooking"], 99).await;
        world.put("user/layman", json!({"expertise": ["law"]})).await;
        let done = world.run("process_community_request", json!({"request_id": "r"})).await;
        assert_eq!(done.output()["offered_to"], json!(["both", "rich", "one"]));
        let offers = world.follow_ups(&done).await;
        let to: Vec<_> = offers.iter().map(|offer| offer.user_id.as_ref().unwrap().to_string()).collect();
        assert_eq!(to, ["both", "rich", "one"]);
        let payload: serde_json::Value = offers[0].payload.parse().unwrap();
        let expected = json!({"request_id": "r", "question": "Who owns it?", "category": "ip", "expertise_needed": ["Law", "tax"]});
        assert_eq!((offers[0].task_type.as_str(), payload), ("community_request_available", expected));
        assert_eq!(world.get("community_request/r").await["offered_to"], 3);
    }

    #[tokio::test]
    async fn no_more_than_twenty_are_asked() {
        let world = world().await;
        for n in 0..25 {
            expert(&world, &format!("e{n:02}"), &["law"], n).await;
        }
        let done = world.run("process_community_request", json!({"request_id": "r"})).await;
        assert_eq!(world.follow_ups(&done).await.len(), 20);
        assert_eq!(done.output()["offered_to"][0], "e24");
    }

    #[tokio::test]
    async fn without_an_expert_or_once_closed_it_is_skipped_and_without_the_request_it_waits() {
        let world = world().await;
        let payload = json!({"request_id": "r"});
        let skipped = world.run("process_community_request", payload.clone()).await.skipped();
        assert_eq!(skipped, "no expert can answer community request r");
        world.patch("community_request/r", json!({"status": "closed"})).await;
        let skipped = world.run("process_community_request", payload).await.skipped();
        assert_eq!(skipped, "community request r is closed");
        let waits = world.run("process_community_request", json!({"request_id": "other"})).await.retried();
        assert_eq!(waits, "community request other does not exist (yet)");
    }
}
