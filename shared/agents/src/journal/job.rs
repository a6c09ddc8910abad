//! A runner's jobs: made, ended.

use serde_json::{Value, json};

use crate::{
    Admitted, CommandStatus, JobEnd, RunnerJob, admit, create,
    journal::{JournalError, Place, write},
    key_of, keyed_id, replace,
    run::MAX_JOBS,
};
use errand::{Id, Name, Services, Stored, spi::json::Json};

/// A job as it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// What sort of job.
    pub kind: Name,
    /// What it is given.
    pub payload: Value,
    /// By which runner; `None`: any.
    pub runner_id: Option<Id>,
    /// For which command, if for one.
    pub command_id: Option<Id>,
    /// The caller's name for it.
    pub idempotency_key: Option<String>,
}

impl NewJob {
    /// Of what is asked for. A command came to it later: without one it is as it was.
    fn hash(&self) -> String {
        let mut asked = vec![json!(self.kind), json!(self.runner_id), self.payload.clone()];
        asked.extend(self.command_id.as_ref().map(|command| json!(command)));
        Json::new(&asked.into()).hash()
    }
}

/// A job that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeJob {
    /// Its id.
    pub id: Id,
    /// It.
    pub job: RunnerJob,
    /// Whether it was there already, under the same key.
    pub deduplicated: bool,
}

/// Makes `new` a job of `run`. Under a key it is made once; with another payload under it, or of an ended run, it is
/// refused.
pub async fn make_job(app: &Services, tenant: &Name, run: &Id, new: &NewJob) -> Result<MadeJob, JournalError> {
    let place = Place::of_run(tenant.clone(), run.clone());
    let id = keyed_id("runner_job", run, new.idempotency_key.as_deref());
    let payload_hash = new.hash();
    write(app, &place, &[key_of::<RunnerJob>(tenant, &id)], |draft| {
        let there = draft.also.first_mut().and_then(Option::take).map(Stored::<RunnerJob>::read).transpose()?;
        let known = there.as_ref().map(|there| there.value.payload_hash.as_str());
        match (admit(draft.run().status, known, &payload_hash)?, there) {
            (Admitted::Deduplicated, Some(there)) => {
                return Ok(MadeJob { id: id.clone(), job: there.value, deduplicated: true });
            }
            (Admitted::Deduplicated, None) | (Admitted::New, _) => {}
        }
        if draft.run().jobs >= MAX_JOBS {
            return Err(JournalError::TooManyJobs);
        }
        draft.run.value.jobs += 1;
        let job = RunnerJob {
            run_id: run.clone(),
            runner_id: new.runner_id.clone(),
            command_id: new.command_id.clone(),
            kind: new.kind.clone(),
            payload: new.payload.clone(),
            payload_hash: payload_hash.clone(),
            idempotency_key: new.idempotency_key.clone(),
            status: CommandStatus::Pending,
            result: None,
            error: None,
            created_at: draft.now,
            ended_at: None,
        };
        draft.put_first(create(tenant, &id, &job, draft.now));
        Ok(MadeJob { id: id.clone(), job, deduplicated: false })
    })
    .await
}

/// Ends the job `id` of the run at `place`, and answers it as it is then. One that has ended so already is answered, not
/// refused: its runner may not have heard of it.
pub async fn finish_job(app: &Services, place: &Place, id: &Id, end: &JobEnd) -> Result<RunnerJob, JournalError> {
    write(app, place, &[key_of::<RunnerJob>(&place.tenant, id)], |draft| {
        let there = draft.also.first_mut().and_then(Option::take).map(Stored::<RunnerJob>::read).transpose()?;
        let there = there.filter(|there| there.value.run_id == place.run).ok_or(JournalError::None("runner job"))?;
        let ended = there.value.ended(end, draft.now)?;
        if ended != there.value {
            draft.also_write(replace(&place.tenant, &there, &ended, draft.now));
        }
        Ok(ended)
    })
    .await
}
