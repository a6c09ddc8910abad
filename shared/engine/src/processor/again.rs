//! How a message comes again for a task that is to run again: the one rule for it.

use std::time::Duration;

use tracing::warn;

use crate::{
    app::App,
    clock::Timestamp,
    lifecycle::{Hint, LONGEST_HIDING, Task, hint},
    notify::send_delayed,
    processor::{Delivery, Verdict},
    redact::chain,
};

/// A message is hidden for no less than this; a commit takes far less.
const SHORTEST_HIDING: Duration = Duration::from_secs(1);

/// What brings the next message of a task that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The one in hand, hidden until then.
    Hidden,
    /// Another, which was sent with its delay.
    Sent,
    /// Another, which is to be sent once the wait is committed.
    ToSend,
    /// The poller sends it, shortly before the task's time.
    Poller,
}

impl Again {
    /// Sees to it that a message comes at `run_at`. To be called *before* the wait is committed: a crash in between
    /// costs a message too many, and never the only one. But a wait so short that the message could be there before
    /// the commit has landed (it would find the task running, and be dropped) is left to the caller: [`Again::ToSend`].
    pub(super) async fn arrange(app: &App, delivery: &Delivery, task: &Task, run_at: Timestamp) -> Self {
        match hint(run_at, app.clock.now()) {
            Hint::Message(wait) if wait < SHORTEST_HIDING => Self::ToSend,
            Hint::Message(wait) if wait <= LONGEST_HIDING && hide(app, delivery, wait).await => Self::Hidden,
            Hint::Message(wait) if wait > LONGEST_HIDING && send_delayed(app, task, wait).await => Self::Sent,
            Hint::Message(_) | Hint::Poller => Self::Poller,
        }
    }

    /// Whether there is, or will be, a message without the poller.
    pub(super) fn is_hinted(self) -> bool {
        self != Self::Poller
    }

    /// What becomes of the message in hand.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Hidden => Verdict::Again,
            Self::Sent | Self::ToSend | Self::Poller => Verdict::Done,
        }
    }
}

/// Hides the message in hand for `wait`; whether that worked.
pub(super) async fn hide(app: &App, delivery: &Delivery, wait: Duration) -> bool {
    let hidden = app.queue.hide(delivery.queue, &delivery.receipt, wait).await;
    if let Err(problem) = &hidden {
        warn!(error = %chain(problem), "a message was not hidden; the poller will send another");
    }
    hidden.is_ok()
}
