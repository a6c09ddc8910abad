//! Saying something in a conversation, as effects.

use serde_json::json;

use crate::domain::{
    Channel, Conversation, ConversationStatus, Direction, Email, Message, MessageStatus, StoredEmail, User,
};
use errand::{Effect, Entity, Expect, Failure, Id, Name, Outcome, Patch, Stored, TaskContext, Timestamp};

/// A user, and the conversation to speak to them in.
pub(super) struct Partner {
    pub(super) user: Stored<User>,
    pub(super) conversation: Stored<Conversation>,
}

/// What is to be said, and how.
pub(super) struct Words {
    channel: Channel,
    to: Vec<Email>,
    content: String,
}

/// A message to be said, and its id.
pub(super) struct Said {
    /// The message's id.
    pub(super) message_id: Id,
    /// What puts it there.
    pub(super) effect: Effect,
}

/// The user, who should exist, and the conversation to speak to them in: the named one if it is theirs and active,
/// without a name their newest. Without one the task is skipped, whatever its type: `Err`.
pub(super) async fn partner(
    task: &TaskContext<'_>,
    user_id: &Id,
    named: Option<&Id>,
) -> Result<Result<Partner, Outcome>, Failure> {
    let user = task.need::<User>(user_id).await?;
    let found = match named {
        Some(id) => task.get::<Conversation>(id).await?.into_iter().collect(),
        None => task.children::<Conversation>(user_id, 100).await?,
    };
    let usable = |c: &Stored<Conversation>| c.value.user_id == *user_id && c.value.status == ConversationStatus::Active;
    let skipped = || match named {
        Some(id) => format!("{id} is no active conversation of user {user_id}"),
        None => format!("user {user_id} has no active conversation"),
    };
    let conversation = found.into_iter().find(usable);
    Ok(conversation.map(|conversation| Partner { user, conversation }).ok_or_else(|| Outcome::skipped(skipped())))
}

/// When the user last wrote in this conversation, if it was among its newest messages; guidance, inbound too, does
/// not count.
pub(super) async fn last_heard(task: &TaskContext<'_>, conversation: &Id) -> Result<Option<Timestamp>, Failure> {
    let newest = task.children::<Message>(conversation, 100).await?;
    let theirs = |m: &Message| m.direction == Direction::Inbound && !is_guidance(m);
    Ok(newest.iter().filter(|m| theirs(&m.value)).map(|m| m.created_at).max())
}

/// Whether a message is guidance to an agent, which nobody said.
pub(super) fn is_guidance(message: &Message) -> bool {
    message.role.as_str() == "system"
}

impl Words {
    /// A text message.
    pub(super) fn text(content: String) -> Self {
        Self { channel: Channel::Sms, to: Vec::new(), content }
    }

    /// An e-mail to these.
    pub(super) fn email(to: Vec<Email>, content: String) -> Self {
        Self { channel: Channel::Email, to, content }
    }
}

impl Partner {
    /// `Hi Ada`.
    pub(super) fn greeting(&self) -> String {
        self.user.value.first_name.as_deref().map_or("Hi".to_owned(), |name| format!("Hi {name}"))
    }

    /// A message to the user, from the agent that speaks with them. It waits as `pending` for the service that delivers
    /// it, which hears of it by the event `message.pending`.
    pub(super) fn say(&self, task: &TaskContext<'_>, words: Words) -> Said {
        self.outbound(task, words, Expect::Any)
    }

    /// The same, if the conversation is still as it was read: what is said in between decides anew.
    pub(super) fn say_unless_interrupted(&self, task: &TaskContext<'_>, words: Words) -> Said {
        self.outbound(task, words, Expect::Version(self.conversation.version))
    }

    /// Guidance to the agent that speaks with the user, which hears of it by the event `message.guidance`. Inbound: it must
    /// never reach the user. Given only if the conversation is still as it was read.
    pub(super) fn guide(&self, task: &TaskContext<'_>, guidance: &serde_json::Value) -> Said {
        let message = Message {
            conversation_id: self.conversation.id.clone(),
            role: Name::of("system"),
            direction: Direction::Inbound,
            channel: Channel::default(),
            status: MessageStatus::Sent,
            to: Vec::new(),
            content: guidance.to_string(),
        };
        // Nobody said it: neither the time of the last message nor what is to be summarised changes.
        let given = put(task, &message, Patch::default(), Expect::Version(self.conversation.version));
        let agent = self.agent(task);
        let data = json!({"conversation": message.conversation_id, "user": self.user.id, "agent_type": agent});
        let told = Effect::publish(task.event("message.guidance", &given.message_id, data));
        Said { effect: given.effect.with(told), ..given }
    }

    /// Who speaks with the user: who the task names, else whose user it is.
    fn agent(&self, task: &TaskContext<'_>) -> Name {
        let named = task.task().agent_type.clone().or_else(|| self.user.value.poc_agent_type.clone());
        named.unwrap_or_else(super::concierge)
    }

    fn outbound(&self, task: &TaskContext<'_>, words: Words, expect: Expect) -> Said {
        let Words { channel, to, content } = words;
        let message = Message {
            conversation_id: self.conversation.id.clone(),
            role: self.user.value.poc_agent_type.clone().unwrap_or_else(super::concierge),
            direction: Direction::Outbound,
            channel,
            status: MessageStatus::Pending,
            to: to.into_iter().map(StoredEmail::from).collect(),
            content,
        };
        let patch = Patch {
            set: [("last_message_at".to_owned(), json!(task.now()))].into_iter().collect(),
            add: [("messages_since_summary".to_owned(), 1)].into(),
            ..Patch::default()
        };
        let said = put(task, &message, patch, expect);
        let data = json!({"conversation": message.conversation_id, "channel": channel});
        let pending = Effect::publish(task.event("message.pending", &said.message_id, data));
        Said { effect: said.effect.with(pending), ..said }
    }
}

/// The message, and `patch` to its conversation if that is as expected.
fn put(task: &TaskContext<'_>, message: &Message, patch: Patch, expect: Expect) -> Said {
    let (message_id, now) = (task.id("message"), task.now());
    let noted = Effect::patch(Conversation::kind(), message.conversation_id.clone(), patch, expect);
    Said { effect: message.put(&message_id, now, Expect::Absent).with(noted), message_id }
}
