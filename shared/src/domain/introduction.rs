//! Introductions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StoredEmail;
use super::bare;
use errand::{Entity, FieldError, Id, Relations, Timestamp, owner};

/// How far an introduction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl IntroductionStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            IntroductionStatus::Proposed => "proposed",
            IntroductionStatus::Pending => "pending",
            IntroductionStatus::Accepted => "accepted",
            IntroductionStatus::Sent => "sent",
            IntroductionStatus::Completed => "completed",
            IntroductionStatus::Declined => "declined",
            IntroductionStatus::Closed => "closed",
        }
    }

    /// Whether nothing more is to come of it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Declined | Self::Closed)
    }
}

/// Bringing two people together: its user and a prospect.
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
    /// Where they are written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prospect_email: Option<StoredEmail>,
    /// Why the two should meet, as they will read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far it has come.
    pub status: IntroductionStatus,
    /// When its user was last asked how it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
}

impl Introduction {
    /// The user it is made for: the innovator, or else who makes it.
    pub fn user_id(&self) -> &Id {
        self.innovator_id.as_ref().unwrap_or(&self.connector_id)
    }
}

impl Entity for Introduction {
    const KIND: &'static str = "introduction";

    fn relations(&self, place: &str) -> Relations {
        owner(self.user_id(), place)
    }

    fn check(&self) -> Result<(), FieldError> {
        bare("prospect_email", self.prospect_email.as_ref())
    }
}
