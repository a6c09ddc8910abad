//! `process_community_response`: rates an expert's response, and rewards it if it helps.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    concierge,
    notify_expert_of_impact::NotifyExpertOfImpact,
    rating::{self, Rating},
};
use crate::domain::{CommunityRequest, CommunityResponse, CreditEvent, Insight, ResponseStatus, User, Workflow};
use errand::{Asked, Effect, Failure, Handler, Id, Name, Outcome, Priority, Settings, Stored, TaskContext, spi::ids};
use errand_models::{Profiles, nothing_said};

/// Has a model rate an expert's response; without a model it is neither good nor bad, 5. One of 7 or more earns its
/// expert credit, once, and they hear a day later what it did; every rated response becomes an insight of the solution
/// search that it is for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"response_id": "demo-response", "request_id": "demo-request"}))]
pub struct ProcessCommunityResponse {
    /// The response.
    pub response_id: Id,
    /// What it responds to.
    pub request_id: Id,
}

/// When the expert hears what came of it.
const IMPACT_AFTER: Duration = Duration::from_secs(24 * 3600);

impl Handler for ProcessCommunityResponse {
    const TYPE: &'static str = "process_community_response";
    type State = Profiles;

    fn settings() -> Settings {
        Settings::asking_a_model()
    }

    async fn handle(&self, task: &TaskContext<'_>, models: &Profiles) -> Result<Outcome, Failure> {
        let response = task.need::<CommunityResponse>(&self.response_id).await?;
        if response.value.request_id != self.request_id {
            let message = format!("response {} is not to community request {}", response.id, self.request_id);
            return Err(Failure::permanent(message));
        }
        if response.value.status != ResponseStatus::Submitted {
            return Ok(Outcome::skipped(format!("response {} is rated already", response.id)));
        }
        let request = task.need::<CommunityRequest>(&self.request_id).await?;
        let Rating { usefulness, impact } =
            task.step(&Name::of("rating"), rate(task, models, &request, &response)).await?;
        let rated = CommunityResponse { usefulness: Some(usefulness), ..response.value.clone() };
        let status = if rated.is_useful() { ResponseStatus::Rewarded } else { ResponseStatus::Rated };
        let fields = [("usefulness", json!(usefulness)), ("impact", json!(impact)), ("status", json!(status))];
        let mut effects = vec![response.set(fields)];
        if rated.is_useful() {
            effects.extend(reward(task, &response, usefulness).await?);
        }
        if let Some(workflow) = &request.value.workflow_id {
            let workflow = task.need::<Workflow>(workflow).await?;
            let insight = Insight { response_id: response.id.clone(), usefulness, impact: impact.clone() };
            effects.extend(learn(&workflow, insight));
        }
        let credits = rated.is_useful().then(|| rating::credits(usefulness));
        let output =
            json!({"response_id": response.id, "usefulness": usefulness, "impact": impact, "credits": credits});
        Ok(Outcome::Complete { output, effects })
    }
}

async fn rate(
    task: &TaskContext<'_>,
    models: &Profiles,
    request: &Stored<CommunityRequest>,
    response: &Stored<CommunityResponse>,
) -> Result<Rating, Failure> {
    let (profile, request) = (Name::default(), rating::request(&request.value, &response.value));
    if !models.judges(profile.as_str())? {
        return Ok(rating::read(""));
    }
    match models.chat(task, profile.as_str(), &request).await {
        Ok(answer) => Ok(rating::read(&answer.text)),
        // It cannot be read either.
        Err(failure) if nothing_said(&failure).is_some() => Ok(rating::read("")),
        Err(failure) => Err(failure),
    }
}

/// Credit, once for each response whatever task rates it, and word of the impact a day later.
async fn reward(
    task: &TaskContext<'_>,
    response: &Stored<CommunityResponse>,
    usefulness: f64,
) -> Result<[Effect; 2], Failure> {
    let expert = task.need::<User>(&response.value.expert_id).await?;
    let (amount, reason) = (rating::credits(usefulness), format!("community response {}", response.id));
    let key = Id::from(ids::derived(&["community_response", response.id.as_str()]));
    let credit = CreditEvent { user_id: expert.id.clone(), amount, reason }.effect(&key, task.now());
    let word = NotifyExpertOfImpact { response_id: response.id.clone() };
    let word = task.follow_up_about(Some(&expert.id), &word, IMPACT_AFTER)?;
    let agent_type = Some(expert.value.poc_agent_type.unwrap_or_else(concierge));
    Ok([credit, Effect::enqueue(Asked { priority: Priority::Low, agent_type, ..word })])
}

/// Adds an insight to the search that the response was for, if it is not there.
fn learn(workflow: &Stored<Workflow>, insight: Insight) -> Option<Effect> {
    let Workflow { insights, responses, .. } = &workflow.value;
    if insights.iter().any(|known| known.response_id == insight.response_id) {
        return None;
    }
    let insights: Vec<&Insight> = insights.iter().chain([&insight]).collect();
    Some(workflow.set([("insights", json!(insights)), ("responses", json!(responses + 1))]))
}

#[cfg(test)]
mod tests;
