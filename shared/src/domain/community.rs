//! Questions to the community of experts, and what they answer.

use serde::{Deserialize, Serialize};

use errand::{Entity, Id, Relation, Relations, owner};

/// Whether a question still wants answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestStatus {
    /// It does.
    #[default]
    Open,
    /// It does not.
    Closed,
}

/// A user's question to the experts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommunityRequest {
    /// What is asked.
    pub question: String,
    /// What sort of question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What one should know about to answer it; empty: anybody may.
    #[serde(default)]
    pub expertise_needed: Vec<String>,
    /// Who asks.
    pub requester_id: Id,
    /// The solution search it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<Id>,
    /// Whether it still wants answers.
    #[serde(default)]
    pub status: RequestStatus,
    /// To how many experts it was offered when it was last offered.
    #[serde(default)]
    pub offered_to: u32,
}

impl Entity for CommunityRequest {
    const KIND: &'static str = "community_request";

    fn relations(&self, place: &str) -> Relations {
        owner(&self.requester_id, place)
    }
}

/// How far an expert's answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseStatus {
    /// It is here.
    #[default]
    Submitted,
    /// It was rated, and found of little use.
    Rated,
    /// It was rated, found useful, and its expert given credit.
    Rewarded,
    /// Its expert was told what it did.
    ClosedLoop,
}

/// An expert's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommunityResponse {
    /// To what.
    pub request_id: Id,
    /// Whose.
    pub expert_id: Id,
    /// What it says.
    pub text: String,
    /// How useful it is, 1 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usefulness: Option<f64>,
    /// What it does for whoever asked, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// How far it has come.
    #[serde(default)]
    pub status: ResponseStatus,
}

impl CommunityResponse {
    /// A response of this usefulness or more helps.
    pub const USEFUL: f64 = 7.0;

    /// Whether it was rated, and helps.
    pub fn is_useful(&self) -> bool {
        self.usefulness.is_some_and(|usefulness| usefulness >= Self::USEFUL)
    }
}

impl Entity for CommunityResponse {
    const KIND: &'static str = "community_response";

    fn relations(&self, place: &str) -> Relations {
        let to = |of: &Id| Some(Relation { of: of.clone(), sort: place.to_owned() });
        Relations { parent: to(&self.request_id), owner: to(&self.expert_id) }
    }
}
