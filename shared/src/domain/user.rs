//! Users, and what is theirs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Entity, owner, parent};
use crate::{
    clock::Timestamp,
    effects::{Effect, Relations},
    ids::{Id, Name},
    store::{Expect, Patch},
};

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Employer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// What they do there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Their profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linkedin_url: Option<String>,
    /// What they know about.
    pub expertise: Vec<String>,
    /// Whether they may be asked on others' behalf.
    pub expert_connector: bool,
    /// Whether somebody entitled has checked who they are.
    pub verified: bool,
    /// IANA zone; absent is UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// `HH:MM` in their zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours_start: Option<String>,
    /// `HH:MM` in their zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours_end: Option<String>,
    /// What was learnt of how they answer.
    pub response_pattern: Map<String, Value>,
    /// What they have earned.
    pub credits: i64,
    /// The agent that speaks with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poc_agent_type: Option<Name>,
}

impl User {
    /// What every user with `expert_connector` belongs to.
    pub fn experts() -> Id {
        Id::from(crate::ids::derived(&["experts"]))
    }
}

impl Entity for User {
    const KIND: &'static str = "user";

    fn relations(&self, place: &str) -> Relations {
        if self.expert_connector { owner(&Self::experts(), place) } else { Relations::default() }
    }
}

/// Whether a priority still matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriorityStatus {
    /// It does.
    #[default]
    Active,
    /// The user has been told.
    Presented,
    /// It does not any more.
    Closed,
}

/// Something a user should hear of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Priority {
    /// Whose.
    pub user_id: Id,
    /// What sort of thing it is about.
    pub item_type: Name,
    /// Which.
    pub item_id: Id,
    /// 1 is first.
    pub rank: u32,
    /// 0 to 100.
    pub value_score: u32,
    /// Whether it still matters.
    #[serde(default)]
    pub status: PriorityStatus,
}

impl Entity for Priority {
    const KIND: &'static str = "priority";

    fn relations(&self, place: &str) -> Relations {
        parent(&self.user_id, place)
    }
}

/// How far an introduction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say it
pub enum IntroductionStatus {
    Proposed,
    Pending,
    Accepted,
    Sent,
    Completed,
    Declined,
    Closed,
}

/// Bringing two people together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Introduction {
    /// Who makes it.
    #[serde(alias = "introducer_id")]
    pub connector_id: Id,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub innovator_id: Option<Id>,
    /// To whom.
    pub prospect_name: String,
    /// How far it has come.
    pub status: IntroductionStatus,
}

impl Entity for Introduction {
    const KIND: &'static str = "introduction";

    /// Its user is the innovator it is made for, or else who makes it.
    fn relations(&self, place: &str) -> Relations {
        owner(self.innovator_id.as_ref().unwrap_or(&self.connector_id), place)
    }
}

/// Why a user's credits rose; one for each key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreditEvent {
    /// Whose credits.
    pub user_id: Id,
    /// By how much.
    pub amount: i64,
    /// What for.
    pub reason: String,
}

impl CreditEvent {
    /// Gives the credit, once for each `key`: if the event is there already, nothing happens.
    pub fn effect(&self, key: &Id, now: Timestamp) -> Effect {
        let add = [("credits".to_owned(), self.amount)].into();
        let credit = Effect::patch(User::kind(), self.user_id.clone(), Patch { add, ..Patch::default() }, Expect::Any);
        let relations = self.relations(&now.to_string());
        Effect::put(Self::kind(), key.clone(), self.doc(), relations, Expect::Absent).with(credit).or_skip()
    }
}

impl Entity for CreditEvent {
    const KIND: &'static str = "credit_event";

    fn relations(&self, place: &str) -> Relations {
        parent(&self.user_id, place)
    }
}
