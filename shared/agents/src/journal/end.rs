//! The end: all that ends with a run, in the commit that ends its task.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    AgentAction, AgentStatus, Command, CommandAction, CommandKind, CommandStatus, End, Refused, Run, RunAction,
    SessionAction, Terminal,
    event::{BackendPhase, EventBody, TerminalNote},
    journal::Draft,
};
use errand::{
    Asked, Effect, Entity, Expect, Id, Name, Patch, Services, State, Status, StoreError, Task, TaskKey, Timestamp,
    spi::{ids, json::Json, redact::chain},
};

/// What ends with the run of `task`, which becomes `ended`: nothing, if it has no run or that has ended. To be asked
/// again if any of it has changed when it is committed.
pub async fn ends(app: &Services, ttl: Option<Duration>, task: &Task, ended: &Task) -> Result<Vec<Effect>, StoreError> {
    let Some(end) = how(ended) else { return Ok(Vec::new()) };
    let id = super::find_id(app, task, task.redrives).await?;
    let mut draft = match Draft::read(app, &task.key.tenant, &id, &[]).await {
        Ok(Some(draft)) => draft,
        Ok(None) => return Ok(unborn(task, &id).into_iter().collect()),
        Err(problem @ StoreError::Corrupt { .. }) => {
            // The task must be able to end all the same.
            tracing::error!(error = %chain(&problem), "a run cannot be read; its task ends without it");
            return Ok(Vec::new());
        }
        Err(problem) => return Err(problem),
    };
    if draft.run().status.terminal().is_some() {
        return Ok(Vec::new());
    }
    let expires_at = ttl.map(|ttl| draft.now + ttl);
    // Each action below fits what was read, or is passed over: nothing of it may keep the task from ending.
    draft.end(end, expires_at).map_err(|refused| StoreError::Unavailable(refused.into()))?;
    let kept_until = draft.session().and_then(|session| session.expires_at);
    let mut effects: Vec<Effect> = Vec::new();
    if let (Some(session), Some(at)) = (&draft.run().session_id, kept_until.max(expires_at)) {
        let version = draft.session().map(|session| session.revision);
        effects.push(Effect::enqueue(cleanup(task, &id, (session, version), at)));
    }
    effects.extend(draft.effects().map_err(|error| StoreError::Unavailable(error.into()))?);
    Ok(effects)
}

/// That there is still no run when this is committed. Whoever has the task may be beginning one, which changes nothing of the
/// task itself: the run would go on for ever.
fn unborn(task: &Task, id: &Id) -> Option<Effect> {
    let begins = task.status() == Status::Running;
    begins.then(|| Effect::patch(Run::kind(), id.clone(), Patch::default(), Expect::Absent))
}

/// How a task that has ended tells its run to.
fn how(ended: &Task) -> Option<End> {
    let end = |status, text: &str| Some(End { status, failure: None, text: text.to_owned() });
    match &ended.state {
        State::Pending { .. } | State::Running { .. } | State::Waiting { .. } => None,
        State::Completed { output } => {
            let output: Value = output.parse().unwrap_or_default();
            end(Terminal::Completed, output.get("result").and_then(Value::as_str).unwrap_or_default())
        }
        State::Failed { failure } => {
            let text = failure.message.clone();
            Some(End { status: Terminal::Failed, failure: Some(failure.clone()), text })
        }
        State::Cancelled { reason } => end(Terminal::Cancelled, reason),
        State::Blocked { reason } => end(Terminal::Blocked, reason),
    }
}

impl Draft {
    fn end(&mut self, end: End, expires_at: Option<Timestamp>) -> Result<(), Refused> {
        let End { status, failure, text } = end.clone();
        self.on_run(RunAction::TaskEnded { end })?;
        if status == Terminal::Cancelled {
            self.happened(BackendPhase::CancelRequested, None, Some(text.clone()));
        }
        let taken = |command: &Command| command.status == CommandStatus::Acknowledged;
        let open: Vec<(Id, bool)> = self
            .open_commands()
            // An interrupt that was taken is carried out by this end.
            .map(|(id, command)| (id.clone(), command.kind == CommandKind::Interrupt && taken(command)))
            .collect();
        for (id, done) in open {
            self.on_command(&id, if done { CommandAction::Complete } else { CommandAction::RunEnded })?;
        }
        // Of those that are gone, too.
        self.run.value.open_commands.clear();
        let failure_kind = failure.as_ref().map(|failure| failure.kind);
        let told = Some(text.clone()).filter(|text| !text.is_empty());
        self.event(EventBody::TerminalStatus(TerminalNote { status, failure_kind, text: told }));
        let (run, last_event_seq) = (self.run.id.clone(), self.last_event_seq());
        let active = self.session().and_then(|session| session.active_run.clone());
        if active.is_none() {
            // It ends before it was taken up; its session shows it all the same, unless its own time is over, or another
            // is to go on first.
            let _ = self.on_session(SessionAction::RunStarted { run: run.clone() });
        }
        self.on_session(SessionAction::RunLeaves { run: run.clone() })?;
        if self.session().is_some_and(|session| session.active_run.as_ref() == Some(&run)) {
            self.on_session(SessionAction::Appended { run: run.clone(), last_event_seq, to_read: false })?;
            self.on_session(SessionAction::RunEnded { run, status, failure_kind, text: text.clone(), expires_at })?;
        }
        let spawning = self.agent.as_ref().is_some_and(|agent| agent.value.status == AgentStatus::Spawning);
        if spawning && status == Terminal::Completed {
            self.on_agent(AgentAction::Start)?;
        }
        self.on_agent(AgentAction::run_ended(status, &text))
    }
}

/// Where the machinery's own tasks wait, apart from those of users.
const HOUSEKEEPING: &str = "housekeeping";

/// The task that cleans `session` up if nothing more happens in it. In a queue of its own: it waits for weeks, and nobody
/// has asked for it.
fn cleanup(task: &Task, run: &Id, (session, version): (&Id, Option<u64>), at: Timestamp) -> Asked {
    let key = TaskKey { tenant: task.key.tenant.clone(), id: ids::derived(&["cleanup_session", run.as_str()]) };
    let payload = Json::new(&json!({"session_id": session, "version": version}));
    Asked {
        project: task.project.clone(),
        queue: Name::of(HOUSEKEEPING),
        parent_id: Some(task.key.id),
        request_id: task.request_id.clone(),
        traceparent: task.traceparent,
        scheduled_for: at,
        ..Asked::of_type(key, Name::of("cleanup_session"), payload, task.created_by.clone(), at)
    }
}
