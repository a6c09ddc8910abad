//! `cleanup_session`: ends a session that nothing has happened in for long, and lets go of what was recorded in it.

mod sweep;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Refused, Session, SessionAction};
use errand::{Failure, Handler, Id, Outcome, Settings, TaskContext};

/// Cleans a session up whose time is over: it takes no more runs, and its runs, events, commands and turns are removed; its
/// title and summary stay. One that has been used since is left alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"session_id": "demo-session", "version": 4}))]
pub struct CleanupSession {
    /// The session.
    pub session_id: Id,
    /// Its `revision` when nothing went on in it any more: with another it has been used since. Absent: its time alone
    /// tells.
    #[serde(default)]
    pub version: Option<u64>,
}

/// How long what was let go of can still be read.
const GRACE: Duration = Duration::from_secs(24 * 3600);

impl Handler for CleanupSession {
    const TYPE: &'static str = "cleanup_session";
    type State = ();

    fn settings() -> Settings {
        Settings { timeout_s: 60, max_snoozes: 10_000, ..Settings::default() }
    }

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let Some(session) = task.get::<Session>(&self.session_id).await? else {
            return Ok(Outcome::skipped(format!("session {} does not exist", self.session_id)));
        };
        if self.version.is_some_and(|version| version != session.value.revision) {
            return Ok(Outcome::skipped("the session has been used since"));
        }
        let ended = match session.value.apply(SessionAction::Expire, task.now()) {
            Ok(ended) => ended,
            Err(refused @ (Refused::NotWhile(_) | Refused::Ended(_))) => {
                return Ok(Outcome::skipped(format!("the session is not to be cleaned up: {refused}")));
            }
            Err(refused) => return Err(Failure::permanent(refused.to_string())),
        };
        let gone_at = task.now() + GRACE;
        sweep::close(task, &session, &ended).await?;
        match sweep::sweep(task, &session.id, gone_at).await? {
            sweep::Swept::All(records) => {
                let output = json!({"session_id": session.id, "records": records});
                Ok(Outcome::Complete { output, effects: Vec::new() })
            }
            sweep::Swept::Some => Ok(Outcome::Snooze(Duration::ZERO)),
        }
    }
}
