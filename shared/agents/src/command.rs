//! Commands: what somebody wants of a run that goes on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Refused, RunStatus, preview::preview, seq_place};
use errand::{Entity, Id, Relations, Timestamp, parent};

/// How much of what went wrong a command keeps, in characters.
const ERROR_CHARS: usize = 1000;

/// Why what is open when its run ends is not done.
const RUN_ENDED: &str = "the run has ended";

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CommandKind {
    /// A turn with this prompt.
    Turn,
    /// A word into the turn that goes on.
    Steer,
    /// The end of the turn that goes on.
    Interrupt,
}

/// Where a command is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CommandStatus {
    /// Nobody has taken it.
    Pending,
    /// The run's worker knows of it.
    Acknowledged,
    /// Done.
    Completed,
    /// Not done: it could not be.
    Failed,
    /// Not done: called off, or its run has ended.
    Cancelled,
}

/// A command.
// Changed by `apply` and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// To which run.
    pub run_id: Id,
    /// Its place among the run's commands, from 1 without gaps.
    pub seq: u64,
    /// What is wanted.
    pub kind: CommandKind,
    /// What it carries, such as a prompt.
    #[serde(default)]
    pub payload: Value,
    /// A hash of what is wanted.
    pub payload_hash: String,
    /// The caller's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Where it is in its life.
    pub status: CommandStatus,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Who gave it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When the worker took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// What can happen to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandAction {
    /// The run's worker takes it.
    Acknowledge,
    /// The worker has done it.
    Complete,
    /// The worker could not do it.
    Fail(String),
    /// Whoever gave it takes it back, and may say why.
    Cancel(Option<String>),
    /// Its run has ended.
    RunEnded,
}

impl Command {
    /// The command after `action` at `now`, or why nothing happens to it.
    pub fn apply(&self, action: CommandAction, now: Timestamp) -> Result<Command, Refused> {
        use CommandStatus as S;
        match (self.status, action) {
            (S::Pending, CommandAction::Acknowledge) => {
                Ok(Command { status: S::Acknowledged, acknowledged_at: Some(now), ..self.clone() })
            }
            (S::Acknowledged, CommandAction::Acknowledge)
            | (S::Pending, CommandAction::Complete | CommandAction::Fail(_)) => {
                Err(Refused::NotWhile(self.status.as_str()))
            }
            (S::Acknowledged, CommandAction::Complete) => Ok(self.ended(S::Completed, None, now)),
            (S::Acknowledged, CommandAction::Fail(why)) => Ok(self.ended(S::Failed, Some(why), now)),
            (S::Pending | S::Acknowledged, CommandAction::Cancel(why)) => Ok(self.ended(S::Cancelled, why, now)),
            (S::Pending | S::Acknowledged, CommandAction::RunEnded) => {
                Ok(self.ended(S::Cancelled, Some(RUN_ENDED.into()), now))
            }
            (
                S::Completed | S::Failed | S::Cancelled,
                CommandAction::Acknowledge
                | CommandAction::Complete
                | CommandAction::Fail(_)
                | CommandAction::Cancel(_)
                | CommandAction::RunEnded,
            ) => Err(Refused::Ended(self.status.as_str())),
        }
    }

    fn ended(&self, status: CommandStatus, error: Option<String>, now: Timestamp) -> Command {
        let error = error.map(|why| preview(&why, ERROR_CHARS));
        Command { status, error, ended_at: Some(now), ..self.clone() }
    }
}

/// What becomes of a request under an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It is made.
    New,
    /// It was made before; the answer is what is there.
    Deduplicated,
}

/// Whether a request to a run in `status` is taken. `there` is the payload hash of what the key names already. A
/// repetition is answered though the run has ended since: it asks for nothing new.
pub fn admit(status: RunStatus, there: Option<&str>, payload_hash: &str) -> Result<Admitted, Refused> {
    match (there, status.terminal()) {
        (Some(same), _) if same == payload_hash => Ok(Admitted::Deduplicated),
        (Some(_), _) => Err(Refused::OtherPayload),
        (None, Some(ended)) => Err(Refused::Ended(ended.as_str())),
        (None, None) => Ok(Admitted::New),
    }
}

impl Entity for Command {
    const KIND: &'static str = "command";

    fn relations(&self, _: &str) -> Relations {
        parent(&self.run_id, &seq_place(self.seq))
    }
}

impl CommandStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            CommandStatus::Pending => "pending",
            CommandStatus::Acknowledged => "acknowledged",
            CommandStatus::Completed => "completed",
            CommandStatus::Failed => "failed",
            CommandStatus::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::table;

    fn command(status: CommandStatus) -> Command {
        Command {
            run_id: Id::of("r"),
            seq: 7,
            kind: CommandKind::Steer,
            payload: Value::Null,
            payload_hash: "h".into(),
            idempotency_key: None,
            status,
            error: None,
            created_by: "me".into(),
            created_at: Timestamp::default(),
            acknowledged_at: None,
            ended_at: None,
        }
    }

    #[test]
    fn every_status_against_every_action() {
        use CommandStatus as S;
        let statuses = [S::Pending, S::Acknowledged, S::Completed, S::Failed, S::Cancelled];
        let states = statuses.map(|status| (status.as_str().to_owned(), command(status))).into();
        let actions = [
            CommandAction::Acknowledge,
            CommandAction::Complete,
            CommandAction::Fail("token=abcdef no".into()),
            CommandAction::Cancel(None),
            CommandAction::Cancel(Some("not wanted".into())),
            CommandAction::RunEnded,
        ];
        let actions = actions.map(|action| (format!("{action:?}"), action));
        let now = Timestamp::from_millis(1_767_225_600_000);
        insta::assert_snapshot!(table(states, &actions, |command, action| command.apply(action, now)));
    }

    #[test]
    fn a_key_is_for_one_payload_and_an_ended_run_takes_nothing_new() {
        use RunStatus as S;
        let ended = |status| Err(Refused::Ended(status));
        for (status, there, expected) in [
            (S::Pending, None, Ok(Admitted::New)),
            (S::Running, None, Ok(Admitted::New)),
            (S::Running, Some("h"), Ok(Admitted::Deduplicated)),
            (S::Running, Some("other"), Err(Refused::OtherPayload)),
            (S::Completed, None, ended("completed")),
            (S::Cancelled, None, ended("cancelled")),
            (S::Completed, Some("h"), Ok(Admitted::Deduplicated)),
            (S::Completed, Some("other"), Err(Refused::OtherPayload)),
        ] {
            assert_eq!(admit(status, there, "h"), expected, "{status:?} {there:?}");
        }
    }

    #[test]
    fn commands_stand_in_the_order_of_their_numbers() {
        assert_eq!(command(CommandStatus::Pending).relations("").parent.unwrap().sort, "0000000007");
    }
}
