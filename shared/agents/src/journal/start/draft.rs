//! What a start makes: the run of a task's present drive, its session and its agent, if they are new.

use std::time::Duration;

use crate::{
    Agent, AgentStatus, Executor, NotAdmitted, Run, Session, SessionAction, Waiting,
    event::BackendPhase,
    journal::{Draft, JournalError, Start, draft::Entry, find_id},
    key_of,
};
use errand::{Id, Services, Stored, Task, Timestamp};

impl Start {
    /// A draft of the run `id` of `task`'s present drive; `None` if there is one.
    pub(in crate::journal) async fn draft(
        &self,
        app: &Services,
        task: &Task,
        id: Id,
    ) -> Result<Option<Draft>, JournalError> {
        let (tenant, now) = (&task.key.tenant, app.clock.now());
        let session_id = self.session_id.clone().unwrap_or_else(|| task.key.id.into());
        let agent_id = self.agent_id.clone().unwrap_or_else(|| task.key.id.into());
        let mut keys = vec![
            key_of::<Run>(tenant, &id),
            key_of::<Session>(tenant, &session_id),
            key_of::<Agent>(tenant, &agent_id),
        ];
        if task.redrives > 0 {
            keys.push(key_of::<Run>(tenant, &find_id(app, task, 0).await?));
        }
        let mut found = app.store.records_at(&keys).await?.into_iter();
        if found.next().flatten().is_some() {
            return Ok(None);
        }
        let session = found.next().flatten().map(Stored::<Session>::read).transpose()?;
        let agent = found.next().flatten().map(Stored::<Agent>::read).transpose()?;
        let first = found.next().flatten().map(Stored::<Run>::read).transpose()?;
        let new = Run::of_task(task, self.kind.clone(), self.source.clone(), self.profile.clone(), now);
        let mut run = Run {
            executor: self.executor,
            internal: self.internal,
            session_id: Some(session_id.clone()),
            agent_id: Some(agent_id.clone()),
            resource_bundle: self.resource_bundle.clone(),
            ..new
        };
        if let Some(Stored { value: first, .. }) = first {
            // What it was asked for with is with its first run: a task carries no more than its payload.
            let Run { kind, internal, resource_bundle, .. } = first;
            run = Run { kind, internal, resource_bundle, ..run };
        }
        let mut draft = Draft::new(tenant.clone(), Entry::new(id, run), now);
        let until = self.session_ttl.map(|ttl| awaited_until(task, ttl, now));
        draft.session = Some(self.session(task, session_id, session, &draft, until)?);
        if task.run_at().is_none_or(|at| at <= now) {
            let place = Waiting { run_id: draft.run.id.clone(), task_id: task.key.id };
            draft.on_session(SessionAction::RunWaits(place))?;
        }
        self.spawn(task, agent_id, agent, &mut draft)?;
        draft.happened(BackendPhase::RunCreated, None, Some(created(draft.run())));
        Ok(Some(draft))
    }

    fn session(
        &self,
        task: &Task,
        id: Id,
        there: Option<Stored<Session>>,
        draft: &Draft,
        until: Option<Timestamp>,
    ) -> Result<Entry<Session>, JournalError> {
        let new = || {
            let (project, profile, now) = (task.project.clone(), self.profile.clone(), draft.now);
            let new = Session::new(project, profile, self.metadata.clone(), &self.prompt, now);
            Session { conversation_id: self.conversation_id.clone(), ..new }
        };
        let mut session = match there {
            None => Entry::new(id, new()),
            Some(there) if self.session_id.is_none() && task.is_younger(there.value.last_activity_at) => {
                let mut entry = Entry::stored(there);
                // A reader sees that it is another.
                entry.value = Session { revision: entry.value.revision + 1, ..new() };
                entry
            }
            Some(there) => {
                there.value.admits(&task.project, &self.profile)?;
                Entry::stored(there)
            }
        };
        session.value = session.value.apply(SessionAction::RunAwaited { until }, draft.now)?;
        Ok(session)
    }

    fn spawn(&self, task: &Task, id: Id, there: Option<Stored<Agent>>, draft: &mut Draft) -> Result<(), JournalError> {
        if there.as_ref().is_some_and(|there| there.value.project != task.project) {
            return Err(NotAdmitted::Agent.into());
        }
        let (metadata, budgets) =
            there.as_ref().map(|there| (there.value.metadata.clone(), there.value.budgets)).unwrap_or_default();
        let new = Agent {
            project: task.project.clone(),
            task_id: task.key.id,
            drive: task.redrives,
            status: AgentStatus::Spawning,
            created_at: draft.now,
            started_at: None,
            ended_at: None,
            error: None,
            metadata: if self.agent_metadata.is_empty() { metadata } else { self.agent_metadata.clone() },
            budgets: self.budgets.or(budgets),
        };
        let known = there.as_ref().map(|there| &there.value);
        let known = known.filter(|agent| !agent.ended_at.is_some_and(|at| task.is_younger(at)));
        let spawned = Agent::spawn(known, new)?;
        let mut entry = there.map_or_else(|| Entry::new(id, spawned.clone()), Entry::stored);
        entry.value = spawned;
        draft.agent = Some(entry);
        draft.tell_of_agent(None);
        Ok(())
    }
}

/// What is told of a new run: `agent_task from api, drive 0, by a worker, profile default`.
fn created(run: &Run) -> String {
    let Run { kind, source, drive, profile, .. } = run;
    let by = match run.executor {
        Executor::Worker => "worker",
        Executor::Runner => "runner",
    };
    format!("{kind} from {source}, drive {drive}, by a {by}, profile {profile}")
}

/// Until when the session of a run must be there: as long after the run's time as after its end. A runner may come as
/// late as the run waits for one.
fn awaited_until(task: &Task, ttl: Duration, now: Timestamp) -> Timestamp {
    let until = task.run_at().unwrap_or(now).max(now) + ttl;
    task.expires_at.filter(|_| task.is_pulled()).map_or(until, |at| until.max(at))
}
