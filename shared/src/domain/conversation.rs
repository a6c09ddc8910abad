//! Conversations and their messages.

use serde::{Deserialize, Serialize};

use super::StoredEmail;
use super::bare;
use errand::{Entity, FieldError, Id, Name, Relations, Timestamp, parent};

/// Whether a conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversationStatus {
    /// It does.
    #[default]
    Active,
    /// The user has gone silent.
    Paused,
    /// It is over.
    Closed,
}

/// An exchange with a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// With whom.
    pub user_id: Id,
    /// Whether it goes on.
    #[serde(default)]
    pub status: ConversationStatus,
    /// When anybody last said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<Timestamp>,
    /// How much was said since the last summary.
    #[serde(default)]
    pub messages_since_summary: i64,
}

impl Entity for Conversation {
    const KIND: &'static str = "conversation";

    fn relations(&self, place: &str) -> Relations {
        parent(&self.user_id, place)
    }
}

/// From us, or to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To us: the user's, or the system's guidance to an agent.
    Inbound,
    /// To the user.
    Outbound,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say it
pub enum Channel {
    #[default]
    Sms,
    Email,
}

/// Whether an outbound message has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// Not yet.
    #[default]
    Pending,
    /// It has.
    Sent,
}

/// Something said in a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// In which.
    pub conversation_id: Id,
    /// Who speaks: `user`, `system`, or an agent type.
    pub role: Name,
    /// Which way it goes.
    pub direction: Direction,
    /// How it travels.
    #[serde(default)]
    pub channel: Channel,
    /// Whether it has left.
    #[serde(default)]
    pub status: MessageStatus,
    /// To whom, by e-mail; empty: to the conversation's user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<StoredEmail>,
    /// What is said.
    pub content: String,
}

impl Entity for Message {
    const KIND: &'static str = "message";

    fn relations(&self, place: &str) -> Relations {
        parent(&self.conversation_id, place)
    }

    fn check(&self) -> Result<(), FieldError> {
        bare("to", &self.to)
    }
}

/// What was said in a conversation, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// In which.
    pub conversation_id: Id,
    /// The short of it.
    pub content: String,
    /// How many messages it sums up.
    pub messages: u32,
    /// When the newest of them was said; the next summary begins after it.
    pub until: Timestamp,
    /// What wrote it.
    pub model: String,
}

impl Entity for Summary {
    const KIND: &'static str = "summary";

    fn relations(&self, place: &str) -> Relations {
        parent(&self.conversation_id, place)
    }
}
