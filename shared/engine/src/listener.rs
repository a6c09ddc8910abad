//! Who hears of events besides the list of what was published: a webhook, an event bus, both or neither.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::{Mutex, MutexGuard};

use crate::{event::Published, store::RecordKey};

/// How long a webhook may take to answer: whoever posts with a deadline stops as long before it.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes events.
///
/// ```
/// use errand::{Listener, NotTaken, Published};
///
/// /// Takes everything but what is about nobody.
/// #[derive(Debug)]
/// struct Careful;
///
/// #[async_trait::async_trait]
/// impl Listener for Careful {
///     async fn tell(&self, events: &[Published]) -> Vec<Result<(), NotTaken>> {
///         let take = |event: &Published| match event.doc.get("subject") {
///             Some(_) => Ok(()),
///             None => Err(NotTaken::Refused("it is about nobody".into())),
///         };
///         events.iter().map(take).collect()
///     }
/// }
/// ```
#[async_trait]
pub trait Listener: std::fmt::Debug + Send + Sync {
    /// Tells it of events; each answer stands for itself, in order. Told again, it hears of an event twice, with the
    /// same `id`.
    async fn tell(&self, events: &[Published]) -> Vec<Result<(), NotTaken>>;
}

/// Why a listener has not taken an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// It does not work now: it would not take another event either.
    #[error("the listener did not take it: {0}")]
    Unavailable(String),
    /// It works, and does not want this one.
    #[error("the listener refuses it: {0}")]
    Refused(String),
    /// It wants to hear of nothing any more.
    #[error("the listener is gone")]
    Gone,
    /// It was not asked for this one: it did not work for one before it.
    #[error("the listener was given up before it was asked to take it")]
    NotAsked,
}

/// A webhook that another program posts to. This one has to know that it is there, and cannot tell it anything.
#[derive(Clone, Copy, Debug)]
pub struct ToldElsewhere;

#[async_trait]
impl Listener for ToldElsewhere {
    async fn tell(&self, events: &[Published]) -> Vec<Result<(), NotTaken>> {
        events.iter().map(|_| Err(NotTaken::Unavailable("this program does not post to it".to_owned()))).collect()
    }
}

/// Serves the webhooks that tenants have named, each by its URL and a secret of its own.
#[async_trait]
pub trait Webhooks: std::fmt::Debug + Send + Sync {
    /// Whether a webhook may be at `url`, or why not.
    fn admit(&self, url: &str) -> Result<(), String>;

    /// Makes a secret for the webhook whose record is `of`.
    fn new_secret(&self, of: &RecordKey) -> Result<NewSecret, String>;

    /// Makes another for it. The one until now, which is `sealed`, goes on signing for `overlap`; one that this installation's
    /// key does not open signs nothing any more.
    fn renewed(&self, of: &RecordKey, sealed: &str, overlap: Duration) -> Result<NewSecret, String>;

    /// Posts an event to the webhook whose record is `of`, signed by its secret.
    async fn post(&self, of: &RecordKey, url: &str, sealed: &str, event: &Published) -> Result<(), NotTaken>;
}

/// A secret that was made just now.
pub struct NewSecret {
    /// As it is shown, once.
    pub shown: String,
    /// As it is kept.
    pub sealed: String,
}

/// Who is told.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    /// Is told of what handlers publish, event by event, once it is listed.
    pub webhook: Option<Arc<dyn Listener>>,
    /// Posts to the webhooks that tenants have named. Without it none can be named, and none is served.
    pub webhooks: Option<Arc<dyn Webhooks>>,
    /// Is told of everything, before it is listed.
    pub bus: Option<Arc<dyn Listener>>,
    /// Where one process does everything, one at a time posts: a poll that somebody asks for leaves it to who does.
    pub turn: Option<Arc<Mutex<()>>>,
}

impl Listeners {
    /// A webhook alone.
    pub fn webhook(webhook: impl Listener + 'static) -> Self {
        Self { webhook: Some(Arc::new(webhook)), ..Self::default() }
    }

    /// Whether the relay delivers what handlers publish, a moment after it was stored. It must not wait for a
    /// webhook, and one deliverer serves all: where there is a webhook, the poller does.
    pub fn is_relayed(&self) -> bool {
        self.bus.is_some() && self.webhook.is_none()
    }

    /// The right to post, unless somebody has it.
    pub(crate) fn turn(&self) -> Option<Option<MutexGuard<'_, ()>>> {
        match &self.turn {
            Some(turn) => turn.try_lock().ok().map(Some),
            None => Some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{Id, Name},
        store::Doc,
    };

    #[tokio::test]
    async fn a_webhook_that_another_program_posts_to_takes_nothing_here() {
        let event = Published { id: Id::of("e"), tenant: Name::default(), doc: Doc::new() };
        let answers = ToldElsewhere.tell(&[event.clone(), event]).await;
        assert!(matches!(answers.as_slice(), [Err(NotTaken::Unavailable(_)), Err(NotTaken::Unavailable(_))]));
    }
}
