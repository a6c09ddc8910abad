//! Messages that cannot be accepted: put aside with the reason, so that they neither come again nor are lost.

use tracing::error;

use errand::{
    App,
    spi::{
        queue::{OutMessage, QueueName},
        redact::chain,
    },
};

use crate::ApiError;

/// A message that cannot be accepted.
#[derive(Debug)]
pub struct RefusedMessage {
    /// Its id on the queue it came from.
    pub id: Option<String>,
    /// What it says.
    pub body: String,
    /// Whose it is, as its attribute says.
    pub tenant: Option<String>,
    /// What is wrong with it.
    pub why: ApiError,
}

/// Sends what was `refused` to a dead-letter queue, each with its body, and its tenant and the reason as attributes, so
/// that it neither comes again nor is lost, and can be moved back. Answers with the ids of those that could not be
/// sent: they must come again.
pub async fn put_aside(app: &App, to: QueueName, refused: Vec<RefusedMessage>) -> Vec<String> {
    let letter = |refused: RefusedMessage| {
        let RefusedMessage { id, body, tenant, why } = refused;
        (id, OutMessage::refused(body, tenant, why.code, explain(&why)))
    };
    let (ids, letters): (Vec<_>, Vec<_>) = refused.into_iter().map(letter).unzip();
    if letters.is_empty() {
        return Vec::new();
    }
    let mut again = Vec::new();
    for (id, sent) in ids.into_iter().zip(app.queue.send(to, letters).await) {
        if let Err(error) = sent {
            error!(message_id = id, error = %chain(&error), "a refused message was not put aside; it will come again");
            again.extend(id);
        }
    }
    again
}

fn explain(error: &ApiError) -> String {
    match &error.field {
        Some(field) => format!("{field}: {}", error.message),
        None => error.message.clone(),
    }
}
