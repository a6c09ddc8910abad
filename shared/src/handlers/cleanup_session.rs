//! `cleanup_session`: ends a session that nothing has happened in for long, and lets go of what was recorded in it.

mod sweep;

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Failure, Outcome, Settings, TaskContext, TaskHandler};
use crate::{
    agent::{Refused, Session, SessionAction},
    ids::Id,
};

/// Cleans a session up whose time is over: it takes no more runs, and its runs, events, commands and turns are removed. One
/// that has been used since is left alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"session_id": "demo-session"}))]
pub struct CleanupSession {
    /// The session.
    pub session_id: Id,
}

/// How long what was let go of can still be read.
const GRACE: Duration = Duration::from_secs(24 * 3600);

#[async_trait]
impl TaskHandler for CleanupSession {
    fn settings(&self) -> Settings {
        Settings { timeout_s: 60, max_snoozes: 10_000, ..Settings::default() }
    }

    async fn handle(&self, task: &TaskContext<'_>) -> Result<Outcome, Failure> {
        let Some(session) = task.get::<Session>(&self.session_id).await? else {
            return Ok(Outcome::skipped(format!("session {} does not exist", self.session_id)));
        };
        let ended = match session.value.apply(SessionAction::Expire, task.now()) {
            Ok(ended) => ended,
            Err(refused @ (Refused::NotWhile(_) | Refused::Ended(_))) => {
                return Ok(Outcome::skipped(format!("the session is not to be cleaned up: {refused}")));
            }
            Err(refused) => return Err(Failure::permanent(refused.to_string())),
        };
        let gone_at = task.now() + GRACE;
        sweep::close(task, &session, &ended, gone_at).await?;
        match sweep::sweep(task, &session.id, gone_at).await? {
            sweep::Swept::All(records) => {
                let output = json!({"session_id": session.id, "records": records});
                Ok(Outcome::Complete { output, effects: Vec::new() })
            }
            sweep::Swept::Some => Ok(Outcome::Snooze(Duration::ZERO)),
        }
    }
}
