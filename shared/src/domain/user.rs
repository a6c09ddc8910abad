//! Users.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bare;
use super::{LinkedinUrl, StoredEmail, TimeOfDay};
use errand::{Doc, Entity, FieldError, Id, Name, Relations, owner, spi::clock::Zone};
use errand_models::http::WebUrl;

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
    pub email: Option<StoredEmail>,
    /// Employer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// What they do there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Their profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linkedin_url: Option<WebUrl>,
    /// The profile that somebody entitled has found to be theirs. By it they can be verified; `linkedin_url` may be set by
    /// anybody, to anybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_linkedin_url: Option<LinkedinUrl>,
    /// What they know about.
    pub expertise: Vec<String>,
    /// Whether they may be asked on others' behalf.
    pub expert_connector: bool,
    /// Whether somebody entitled has checked who they are.
    pub verified: bool,
    /// Absent is UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Zone>,
    /// When their quiet hours begin, in their zone. They have some if both ends are given and differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours_start: Option<TimeOfDay>,
    /// When their quiet hours end, in their zone; before the start it is the next day's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours_end: Option<TimeOfDay>,
    /// What was learnt of how they answer, such as `user_goal`.
    pub response_pattern: Map<String, Value>,
    /// What they have earned.
    pub credits: i64,
    /// The agent that speaks with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poc_agent_type: Option<Name>,
}

/// The field of a user by which they can be verified.
const CONFIRMED: &str = "confirmed_linkedin_url";

impl User {
    /// What every user with `expert_connector` belongs to: `GET /v1/records/user?owner=experts` lists them.
    pub fn experts() -> Id {
        Id::of("experts")
    }
}

impl Entity for User {
    const KIND: &'static str = "user";
    // Experts belong to the list of them, and to no user who is called so.
    const OF_USERS: bool = false;

    fn relations(&self, place: &str) -> Relations {
        if self.expert_connector { owner(&Self::experts(), place) } else { Relations::default() }
    }

    fn check(&self) -> Result<(), FieldError> {
        bare("email", self.email.as_ref())
    }

    /// Whoever may not verify users by a task may not do it this way either, nor make up what a task verifies them by.
    fn guarded(before: Option<&Doc>, after: &Doc) -> Option<&'static str> {
        let verified = |doc: &Doc| doc.get("verified").and_then(Value::as_bool).unwrap_or(false);
        if verified(after) != before.is_some_and(verified) {
            return Some("change `verified`");
        }
        let changed = after.get(CONFIRMED) != before.and_then(|before| before.get(CONFIRMED));
        changed.then_some("confirm whose a profile is")
    }
}
