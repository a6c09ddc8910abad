//! The end of a runner's job.

use super::{JournalError, Place, draft::typed, write};
use crate::{
    agent::{JobEnd, RunnerJob, key_of, replace},
    app::App,
    ids::Id,
};

/// Ends the job `id` of the run at `place`, and answers it as it is then. One that has ended so already is answered, not
/// refused: its runner may not have heard of it.
pub async fn finish_job(app: &App, place: &Place, id: &Id, end: &JobEnd) -> Result<RunnerJob, JournalError> {
    write(app, place, &[key_of::<RunnerJob>(&place.tenant, id)], |draft| {
        let there = draft.also.first_mut().and_then(Option::take).map(typed::<RunnerJob>).transpose()?;
        let there = there.filter(|there| there.value.run_id == place.run).ok_or(JournalError::None("runner job"))?;
        let ended = there.value.ended(end, draft.now)?;
        if ended != there.value {
            draft.also_write(replace(&place.tenant, &there, &ended, draft.now));
        }
        Ok(ended)
    })
    .await
}
