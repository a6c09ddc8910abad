//! Saying something in a conversation, as effects.

use serde_json::json;

use super::{Failure, TaskContext};
use crate::{
    domain::{Channel, Conversation, ConversationStatus, Delivery, Direction, Entity, Message, Stored},
    effects::Effect,
    ids::{Id, Name},
    store::{Expect, Patch},
};

/// A message to be said, and its id.
pub(super) struct Said {
    /// The message's id.
    pub(super) message_id: Id,
    /// What puts it there.
    pub(super) effect: Effect,
}

/// The conversation to speak to a user in: the named one, or without a name their newest, if it is theirs and active.
pub(super) async fn active_conversation(
    task: &TaskContext<'_>,
    user: &Id,
    named: Option<&Id>,
) -> Result<Option<Stored<Conversation>>, Failure> {
    let found = match named {
        Some(id) => task.get::<Conversation>(id).await?.into_iter().collect(),
        None => task.children::<Conversation>(user, 100).await?,
    };
    let usable = |c: &Stored<Conversation>| c.value.user_id == *user && c.value.status == ConversationStatus::Active;
    Ok(found.into_iter().find(usable))
}

/// A message to the user. It waits as `pending` for the service that delivers it, which hears of it by the
/// event `message.pending`.
pub(super) fn outbound(
    task: &TaskContext<'_>,
    conversation: &Id,
    role: Name,
    channel: Channel,
    content: String,
) -> Said {
    let said = say(
        task,
        Expect::Any,
        Message {
            conversation_id: conversation.clone(),
            role,
            direction: Direction::Outbound,
            channel,
            status: Delivery::Pending,
            to: Vec::new(),
            content,
        },
    );
    let data = json!({"conversation": conversation, "channel": channel});
    let pending = Effect::publish(task.event("message.pending", &said.message_id, data));
    Said { effect: said.effect.with(pending), ..said }
}

/// Guidance to the agent that speaks with the user. Inbound: it must never reach the user. Given only if the
/// conversation is still as it was read: what is said in between decides anew.
pub(super) fn guidance(
    task: &TaskContext<'_>,
    conversation: &Stored<Conversation>,
    guidance: &serde_json::Value,
) -> Said {
    say(
        task,
        Expect::Version(conversation.version),
        Message {
            conversation_id: conversation.id.clone(),
            role: Name::of("system"),
            direction: Direction::Inbound,
            channel: Channel::default(),
            status: Delivery::Sent,
            to: Vec::new(),
            content: guidance.to_string(),
        },
    )
}

fn say(task: &TaskContext<'_>, expect: Expect, message: Message) -> Said {
    let message_id = task.id("message");
    let now = task.now();
    let relations = message.relations(&now.to_string());
    let put = Effect::put(Message::kind(), message_id.clone(), message.doc(), relations, Expect::Absent);
    let patch = Patch {
        set: [("last_message_at".to_owned(), json!(now))].into_iter().collect(),
        add: [("messages_since_summary".to_owned(), 1)].into(),
        ..Patch::default()
    };
    let effect = put.with(Effect::patch(Conversation::kind(), message.conversation_id.clone(), patch, expect));
    Said { message_id, effect }
}
