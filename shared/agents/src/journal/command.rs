//! Commands to a run: given, taken, ended; each with the event that tells of it.

use serde_json::Value;

use crate::{
    Admitted, Command, CommandAction, CommandKind, CommandStatus, Refused, SessionAction, admit,
    event::BackendPhase,
    journal::{JournalError, Place, draft::Entry, write},
    key_of, keyed_id,
    run::MAX_OPEN_COMMANDS,
};
use errand::{Id, Name, Services, Stored, spi::json::Json};

/// A command as it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCommand {
    /// What is wanted.
    pub kind: CommandKind,
    /// What it carries: `{"prompt": "…"}` for a turn or a steer.
    pub payload: Value,
    /// The caller's name for it.
    pub idempotency_key: Option<String>,
    /// Who gives it.
    pub by: String,
}

/// A command that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenCommand {
    /// Its id.
    pub id: Id,
    /// It.
    pub command: Command,
    /// Whether it was there already, under the same key.
    pub deduplicated: bool,
}

/// Gives `new` to `run`. Under a key it is given once; with another payload under it, or to an ended run, it is refused.
pub async fn give(app: &Services, tenant: &Name, run: &Id, new: &NewCommand) -> Result<GivenCommand, JournalError> {
    let place = Place::of_run(tenant.clone(), run.clone());
    let id = keyed_id("command", run, new.idempotency_key.as_deref());
    let payload_hash = Json::new(&serde_json::json!([new.kind, new.payload])).hash();
    write(app, &place, &[key_of::<Command>(tenant, &id)], |draft| {
        let there = draft.also.first_mut().and_then(Option::take).map(Stored::<Command>::read).transpose()?;
        let known = there.as_ref().map(|there| there.value.payload_hash.as_str());
        match (admit(draft.run().status, known, &payload_hash)?, there) {
            (Admitted::Deduplicated, Some(there)) => {
                return Ok(GivenCommand { id: id.clone(), command: there.value, deduplicated: true });
            }
            (Admitted::Deduplicated, None) | (Admitted::New, _) => {}
        }
        if draft.run().is_ending {
            // Nobody would hear of it: the worker has looked for the last time.
            return Err(Refused::NotWhile("ending").into());
        }
        let open = draft.run().open_commands.len();
        if open >= MAX_OPEN_COMMANDS {
            return Err(JournalError::TooManyCommands(open));
        }
        let run_record = &mut draft.run.value;
        run_record.last_command_seq += 1;
        run_record.open_commands.push(id.clone());
        let command = Command {
            run_id: run.clone(),
            seq: run_record.last_command_seq,
            kind: new.kind,
            payload: new.payload.clone(),
            payload_hash: payload_hash.clone(),
            idempotency_key: new.idempotency_key.clone(),
            status: CommandStatus::Pending,
            error: None,
            created_by: new.by.clone(),
            created_at: draft.now,
            acknowledged_at: None,
            ended_at: None,
        };
        draft.commands.push(Entry::new(id.clone(), command.clone()));
        draft.happened(BackendPhase::CommandCreated, Some(id.clone()), None);
        Ok(GivenCommand { id: id.clone(), command, deduplicated: false })
    })
    .await
}

/// Does `action` to the command `id` of the run at `place`, and answers it as it is then. What was done before is
/// answered, not refused: a worker may not have heard of it.
pub async fn change_command(
    app: &Services,
    place: &Place,
    id: &Id,
    action: &CommandAction,
) -> Result<Command, JournalError> {
    write(app, place, &[key_of::<Command>(&place.tenant, id)], |draft| {
        let there = draft.also.first_mut().and_then(Option::take).map(Stored::<Command>::read).transpose()?;
        let there = there.filter(|there| there.value.run_id == place.run).ok_or(JournalError::None("command"))?.value;
        if is_done(&there, action) {
            return Ok(there);
        }
        if !draft.on_command(id, action.clone())? {
            return Err(Refused::Ended(there.status.as_str()).into());
        }
        if *action == CommandAction::Acknowledge {
            let (run, command) = (place.run.clone(), id.clone());
            // A run that does not go on in its session tells it nothing.
            let _ = draft.on_session(SessionAction::Command { run, command });
        }
        let changed = draft.commands.iter().find(|command| command.id == *id);
        Ok(changed.map_or(there, |command| command.value.clone()))
    })
    .await
}

fn is_done(command: &Command, action: &CommandAction) -> bool {
    match action {
        CommandAction::Acknowledge => command.status == CommandStatus::Acknowledged,
        CommandAction::Complete => command.status == CommandStatus::Completed,
        CommandAction::Fail(_) => command.status == CommandStatus::Failed,
        CommandAction::Cancel(_) | CommandAction::RunEnded => command.status == CommandStatus::Cancelled,
    }
}
