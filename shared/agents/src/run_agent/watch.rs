//! The watch during a turn: whether it is still wanted.

use std::time::Duration;

use tracing::warn;

use crate::{CommandKind, journal::Draft, run_agent::work::Work};
use errand::spi::{redact::chain, store};

/// How often the worker looks at its task and at its run's commands. A steer waits for the next prompt.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why a turn is dropped.
pub(super) enum Stop {
    /// A command wants it so.
    Interrupted,
    /// The task is no longer this worker's: cancelled, or given up on.
    Lost,
}

impl Work<'_> {
    /// Returns once the turn in hand is no longer wanted. A look that fails is made again.
    pub(super) async fn watch(&self) -> Stop {
        let (app, task) = (self.task.services(), self.task.task());
        loop {
            self.task.sleep(LOOK_EVERY).await;
            match store::task(&*app.store, &task.key).await {
                Ok(Some(now)) if now.fence() == task.fence() => {}
                Ok(_) => return Stop::Lost,
                Err(problem) => warn!(error = %chain(&problem), "a task was not looked at"),
            }
            match Draft::read(app, &self.place.tenant, &self.place.run, &[]).await {
                Ok(Some(draft)) => {
                    let mut open = draft.open_commands();
                    if open.any(|(_, command)| command.kind == CommandKind::Interrupt) {
                        return Stop::Interrupted;
                    }
                }
                Ok(None) => return Stop::Lost,
                Err(problem) => warn!(error = %chain(&problem), "a run's commands were not looked at"),
            }
        }
    }
}
