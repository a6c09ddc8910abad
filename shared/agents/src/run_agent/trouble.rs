//! A model that gives no answer: told of, paid for if it was asked for nothing, and noted in the session as trouble.

use crate::{
    Refused, RunAction,
    budget::{self, OverBudget},
    event::{ErrorNote, EventBody},
    journal::{self, JournalError},
    run_agent::{Failure, work::Work},
    supervisor::Action,
};
use errand::money::Usd;
use errand_models::nothing_said;

/// What follows from a turn without an answer, besides its failure.
pub(super) struct Trouble {
    /// It cannot be told whether there is money for another.
    pub(super) over: Option<OverBudget>,
    /// Why a person is to be asked: there was too much trouble of late.
    pub(super) asks: Option<String>,
}

impl Work<'_> {
    /// Tells of `failure`, and notes it once for its turn, however often that is tried. Counts what it cost if the model
    /// has answered all the same: where the backend does not say what it used, `most` is what the agent has spent.
    pub(super) async fn trouble(&self, failure: &Failure, most: Usd) -> Result<Trouble, JournalError> {
        let (message, kind) = (failure.message(), Some(failure.kind()));
        let paid = nothing_said(failure).map(|usage| (usage, budget::cost_of_turn(self.profile.prices, usage)));
        let asks = journal::write(self.task.services(), &self.place, &[self.spending_key()], |draft| {
            if let Some(ended) = draft.run().status.terminal() {
                return Err(Refused::Ended(ended.as_str()).into());
            }
            draft.event(EventBody::Error(ErrorNote { message: message.clone(), kind }));
            if let Some((usage, cost)) = &paid {
                let (attempt, known) = (self.run.attempt, cost.as_ref().ok().copied());
                draft.on_run(RunAction::Paid { attempt, usage: *usage, cost: known.unwrap_or_default() })?;
                self.spend(draft, known.unwrap_or(most), draft.now);
            }
            let Some(session) = draft.session_mut() else { return Ok(None) };
            let assessment = self.assessment_of(&message, session);
            if let Some(incident) = assessment.incident {
                session.note(incident);
            }
            Ok((assessment.action == Action::Block).then_some(assessment.message))
        })
        .await?;
        let over = paid.and_then(|(_, cost)| cost.err()).filter(|_| self.is_limited());
        Ok(Trouble { over, asks })
    }
}
