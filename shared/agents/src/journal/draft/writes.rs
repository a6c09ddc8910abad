//! What is written of a draft: its records, or the effects of an event of its task.

use crate::{
    Refused, Session, SessionAction, Waiting, create, event,
    journal::{Draft, JournalError, draft::Entry},
    replace,
};
use errand::{Effect, spi::store::RecordWrite};

impl Draft {
    /// What is committed where the run waits for its turn: its session with the run in its line, on the version read.
    /// So the end of the run before is never missed: it comes first, and this one begins instead of waiting; or it
    /// finds this one there, and wakes it.
    pub(crate) fn waits(&self) -> Result<Vec<Effect>, Refused> {
        let Some(Entry { read: Some(read), value, .. }) = &self.session else { return Ok(Vec::new()) };
        let place = Waiting { run_id: self.run.id.clone(), task_id: self.run().task_id };
        let waits = value.apply(SessionAction::RunWaits(place), self.now)?;
        let write = Effect::write(replace(&self.tenant, read, &waits, self.now));
        Ok([write].into_iter().chain(wakes(&waits)).collect())
    }

    /// Writes it as the effects of an event of its task. The run whose turn it is in the session then is woken.
    pub(crate) fn effects(self) -> Result<Vec<Effect>, JournalError> {
        let wakes = self.session().and_then(wakes);
        Ok(self.records()?.into_iter().map(Effect::write).chain(wakes).collect())
    }

    /// What is to be written. First, if there is such, what is put once and for all: by it a store knows a commit that is
    /// made again, whoever has written since.
    pub(crate) fn records(mut self) -> Result<Vec<RecordWrite>, JournalError> {
        let (now, tenant) = (self.now, self.tenant.clone());
        let events = std::mem::take(&mut self.events);
        let appended = event::append(&self.run.id, self.run.value.last_event_seq, events, now)?;
        self.run.value.last_event_seq = appended.last_seq;
        if !appended.records.is_empty() {
            let (run, last_event_seq, to_read) = (self.run.id.clone(), appended.last_seq, appended.to_read);
            // Refused where another run goes on in the session, or none: it shows what goes on.
            let _ = self.on_session(SessionAction::Appended { run, last_event_seq, to_read });
        }
        let mut writes = self.first;
        writes.extend(appended.records.iter().map(|(id, event)| create(&tenant, id, event, now)));
        writes.extend(self.run.write(&tenant, now));
        writes.extend(self.session.iter().filter_map(|session| session.write(&tenant, now)));
        writes.extend(self.agent.iter().filter_map(|agent| agent.write(&tenant, now)));
        writes.extend(self.commands.iter().filter_map(|command| command.write(&tenant, now)));
        writes.extend(self.last);
        Ok(writes)
    }
}

/// Wakes the run whose turn it is in `session`.
fn wakes(session: &Session) -> Option<Effect> {
    session.next().map(|next| Effect::wake(next.task_id))
}
