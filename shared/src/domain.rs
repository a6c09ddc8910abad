//! The things tasks act on: users, conversations and what belongs to them, as typed documents.

mod community;
mod conversation;
mod credit;
mod email;
mod introduction;
mod priority;
mod user;
mod values;
mod verification;
mod workflow;

pub use community::{CommunityRequest, CommunityResponse, RequestStatus, ResponseStatus};
pub use conversation::{Channel, Conversation, ConversationStatus, Direction, Message, MessageStatus, Summary};
pub use credit::CreditEvent;
pub use email::{Email, StoredEmail};
pub use introduction::{Introduction, IntroductionStatus};
pub use priority::{PriorityStatus, UserPriority};
pub use user::User;
pub use values::{LinkedinUrl, TimeOfDay};
pub use verification::{LinkedinConnection, Verification, VerificationKind, VerificationStatus};
pub use workflow::{Insight, Workflow, WorkflowStatus};

use errand::{FieldError, Registry};

/// The kind of what scripted tasks leave behind.
pub const SCRIPTED: &str = "scripted";

/// The kinds of records that tasks act on.
pub fn kinds() -> Registry {
    Registry::new()
        .record::<User>()
        .record::<Conversation>()
        .record::<Message>()
        .record::<Summary>()
        .record::<UserPriority>()
        .record::<CommunityRequest>()
        .record::<CommunityResponse>()
        .record::<Introduction>()
        .record::<Workflow>()
        .record::<Verification>()
        .record::<LinkedinConnection>()
        .record::<CreditEvent>()
        .shown(SCRIPTED)
}

/// Refuses an address in `field` that is more than one bare address.
fn bare<'e>(field: &str, emails: impl IntoIterator<Item = &'e StoredEmail>) -> Result<(), FieldError> {
    let bare = emails.into_iter().try_for_each(|email| email.bare().map(drop));
    bare.map_err(|error| FieldError::at(field, error.to_string()))
}
