//! A model that gives no answer: told of, and noted in the session as trouble.

use super::{Failure, work::Work};
use crate::agent::{
    event::{ErrorNote, EventBody},
    journal::{self, JournalError},
    supervisor::Action,
};

impl Work<'_> {
    /// Tells of `failure`, and notes it once for its turn, however often that is tried. Answers why a person is to be
    /// asked, if there was too much trouble of late.
    pub(super) async fn trouble(&self, failure: &Failure) -> Result<Option<String>, JournalError> {
        let (message, kind) = (failure.message(), Some(failure.kind));
        journal::write(self.task.app(), &self.place, &[], |draft| {
            draft.event(EventBody::Error(ErrorNote { message: message.clone(), kind }));
            let Some(session) = draft.session_mut() else { return Ok(None) };
            let assessment = self.assessment_of(&message, session);
            if let Some(incident) = assessment.incident {
                session.note(incident);
            }
            Ok((assessment.action == Action::Block).then_some(assessment.message))
        })
        .await
    }
}
