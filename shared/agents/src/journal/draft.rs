//! A draft: a run and what belongs to it as they were read, and what becomes of them in one commit.

mod entry;
mod spending;
mod writes;

pub(super) use entry::Entry;

use crate::{
    Agent, AgentAction, AgentStatus, Command, CommandAction, Refused, Run, RunAction, Session, SessionAction,
    event::{BackendPhase, BackendStatus, EventBody},
    key_of,
};
use errand::{
    Entity, Event, Id, Name, Services, StoreError, Stored, Timestamp,
    spi::{
        ids,
        store::{Record, RecordKey, RecordWrite},
    },
};

/// See the module.
pub(crate) struct Draft {
    pub(crate) tenant: Name,
    pub(crate) now: Timestamp,
    pub(super) run: Entry<Run>,
    pub(super) session: Option<Entry<Session>>,
    pub(super) agent: Option<Entry<Agent>>,
    pub(super) commands: Vec<Entry<Command>>,
    /// What was asked for besides, in order.
    pub(crate) also: Vec<Option<Record>>,
    events: Vec<EventBody>,
    first: Vec<RecordWrite>,
    last: Vec<RecordWrite>,
}

impl Draft {
    /// The run and what belongs to it; `None` if there is no such run.
    pub(crate) async fn read(
        app: &Services,
        tenant: &Name,
        run: &Id,
        also: &[RecordKey],
    ) -> Result<Option<Self>, StoreError> {
        let Some(record) = app.store.record(&key_of::<Run>(tenant, run)).await? else { return Ok(None) };
        let stored: Stored<Run> = Stored::read(record)?;
        let Run { session_id, agent_id, open_commands, .. } = &stored.value;
        let mut keys: Vec<RecordKey> = Vec::new();
        keys.extend(session_id.iter().map(|id| key_of::<Session>(tenant, id)));
        keys.extend(agent_id.iter().map(|id| key_of::<Agent>(tenant, id)));
        keys.extend(open_commands.iter().map(|id| key_of::<Command>(tenant, id)));
        let own = keys.len();
        keys.extend_from_slice(also);
        let mut found = app.store.records_at(&keys).await?;
        let also = found.split_off(own);
        let mut draft = Self { also, ..Self::new(tenant.clone(), Entry::stored(stored), app.clock.now()) };
        for record in found.into_iter().flatten() {
            match record.key.kind.as_str() {
                Session::KIND => draft.session = Some(Entry::stored(Stored::read(record)?)),
                Agent::KIND => draft.agent = Some(Entry::stored(Stored::read(record)?)),
                _ => draft.commands.push(Entry::stored(Stored::read(record)?)),
            }
        }
        Ok(Some(draft))
    }

    pub(super) fn new(tenant: Name, run: Entry<Run>, now: Timestamp) -> Self {
        Self {
            tenant,
            now,
            run,
            session: None,
            agent: None,
            commands: Vec::new(),
            also: Vec::new(),
            events: Vec::new(),
            first: Vec::new(),
            last: Vec::new(),
        }
    }

    /// The run's id.
    pub(crate) fn run_id(&self) -> &Id {
        &self.run.id
    }

    /// The run, as it will be.
    pub(crate) fn run(&self) -> &Run {
        &self.run.value
    }

    /// Its session, as it will be.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref().map(|session| &session.value)
    }

    /// Its session, for what no action is needed for.
    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        self.session.as_mut().map(|session| &mut session.value)
    }

    /// Its agent, as it will be.
    pub(crate) fn agent(&self) -> Option<&Agent> {
        self.agent.as_ref().map(|agent| &agent.value)
    }

    /// What happens to the run.
    pub(crate) fn on_run(&mut self, action: RunAction) -> Result<(), Refused> {
        self.run.value = self.run.value.apply(action, self.now)?;
        Ok(())
    }

    /// What happens to its session, if it has one.
    pub(crate) fn on_session(&mut self, action: SessionAction) -> Result<(), Refused> {
        if let Some(session) = &mut self.session {
            session.value = session.value.apply(action, self.now)?;
        }
        Ok(())
    }

    /// What happens to its agent, if it lives for this run; told to whoever listens.
    pub(crate) fn on_agent(&mut self, action: AgentAction) -> Result<(), Refused> {
        let Some(agent) = &mut self.agent else { return Ok(()) };
        let Run { task_id, drive, .. } = self.run.value;
        if (agent.value.task_id, agent.value.drive) != (task_id, drive) || agent.value.status.is_final() {
            return Ok(());
        }
        let before = agent.value.status;
        agent.value = agent.value.apply(action, self.now)?;
        self.tell_of_agent(Some(before));
        Ok(())
    }

    /// Publishes what has become of the agent.
    pub(super) fn tell_of_agent(&mut self, before: Option<AgentStatus>) {
        let Some(agent) = &self.agent else { return };
        let (status, event_type) = (agent.value.status, agent.value.status.event_type());
        let task = agent.value.task_id.to_string();
        let parts = ["agent", self.tenant.as_str(), agent.id.as_str(), self.run.id.as_str(), event_type];
        let old = before.map(AgentStatus::as_str);
        let mut data = serde_json::json!({"task": task, "run": self.run.id, "old_status": old, "status": status});
        if let (Some(fields), Some(error)) = (data.as_object_mut(), &agent.value.error) {
            fields.insert("error".to_owned(), error.as_str().into());
        }
        let event = Event {
            id: ids::derived(&parts),
            event_type: event_type.to_owned(),
            time: self.now,
            subject: agent.id.to_string(),
            data,
            // It names the task, which knows.
            request_id: None,
        };
        self.last.push(errand::spi::event::put(event, &self.tenant, self.now));
    }

    /// What happens to one of its open commands; one that ends leaves the list. `false`: it is not open.
    pub(crate) fn on_command(&mut self, id: &Id, action: CommandAction) -> Result<bool, Refused> {
        let Some(command) = self.commands.iter_mut().find(|command| command.id == *id) else { return Ok(false) };
        command.value = command.value.apply(action, self.now)?;
        let (status, error) = (command.value.status, command.value.error.clone());
        if command.value.ended_at.is_some() {
            self.run.value.open_commands.retain(|open| open != id);
            let why = error.map(|error| format!(": {error}")).unwrap_or_default();
            self.happened(BackendPhase::CommandTerminal, Some(id.clone()), Some(format!("{}{why}", status.as_str())));
            // Refused where the run is not the one that goes on in the session: then it is no command of it either.
            let _ = self.on_session(SessionAction::CommandEnded { command: id.clone() });
        }
        Ok(true)
    }

    /// The open commands, in their order.
    pub(crate) fn open_commands(&self) -> impl Iterator<Item = (&Id, &Command)> {
        let open = |entry: &&Entry<Command>| entry.value.ended_at.is_none();
        self.commands.iter().filter(open).map(|entry| (&entry.id, &entry.value))
    }

    /// Appends a `backend_status`.
    pub(crate) fn happened(&mut self, phase: BackendPhase, command_id: Option<Id>, note: Option<String>) {
        self.event(EventBody::BackendStatus(BackendStatus { phase, command_id, note }));
    }

    /// Appends an event.
    pub(crate) fn event(&mut self, body: EventBody) {
        self.events.push(body);
    }

    /// The number that the newest event will have.
    pub(crate) fn last_event_seq(&self) -> u64 {
        self.run.value.last_event_seq + self.events.len() as u64
    }

    /// Puts `record` before everything else: what tells that the commit was made before.
    pub(crate) fn put_first(&mut self, record: RecordWrite) {
        self.first.push(record);
    }
}
