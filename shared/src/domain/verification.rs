//! How it is checked who a user is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bare;
use super::{LinkedinUrl, StoredEmail};
use errand::{Doc, Entity, FieldError, Id, Relations, parent, spi::ids};

/// By what a user is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum VerificationKind {
    /// An e-mail with a token that comes back.
    Email,
    /// A LinkedIn connection to the founder.
    Linkedin,
    /// A person looks.
    Manual,
}

/// How a verification came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerificationStatus {
    /// Not yet known.
    #[default]
    Pending,
    /// It is them.
    Verified,
    /// It is not, or they never answered.
    Failed,
}

/// One attempt at verifying a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Whom.
    pub user_id: Id,
    /// By what.
    pub kind: VerificationKind,
    /// How it came out.
    #[serde(default)]
    pub status: VerificationStatus,
    /// What the user has to send back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where the token was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<StoredEmail>,
    /// The profile that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linkedin_url: Option<LinkedinUrl>,
}

impl Entity for Verification {
    const KIND: &'static str = "verification";
    const SECRETS: &'static [&'static str] = &["token"];

    fn relations(&self, place: &str) -> Relations {
        parent(&self.user_id, place)
    }

    fn check(&self) -> Result<(), FieldError> {
        bare("email", self.email.as_ref())
    }
}

/// That two people are connected on LinkedIn, as whoever imports connections knows; only who may verify users may write
/// it. One for each two: its id follows from who they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkedinConnection {
    /// One of them.
    pub linkedin_url: LinkedinUrl,
    /// The other.
    pub connected_to: LinkedinUrl,
}

impl LinkedinConnection {
    /// The id of the connection of these two, whichever way round.
    pub fn id_of(one: &LinkedinUrl, other: &LinkedinUrl) -> Id {
        let mut persons = [one.person(), other.person()];
        persons.sort_unstable();
        let [one, other] = persons;
        Id::from(ids::derived(&["linkedin_connection", one, other]))
    }
}

impl Entity for LinkedinConnection {
    const KIND: &'static str = "linkedin_connection";

    fn relations(&self, _place: &str) -> Relations {
        Relations::default()
    }

    fn guarded(_: Option<&Doc>, _: &Doc) -> Option<&'static str> {
        Some("say who is connected")
    }

    fn only_id(&self) -> Option<Id> {
        Some(Self::id_of(&self.linkedin_url, &self.connected_to))
    }
}
