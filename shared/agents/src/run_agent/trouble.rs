//! A model that gives no answer: told of, and paid for if it was asked for nothing. Its task's retries ask again.

use crate::{
    Refused, RunAction,
    budget::{self, OverBudget},
    event::{ErrorNote, EventBody},
    journal::{self, JournalError},
    run_agent::{Failure, work::Work},
};
use errand::money::Usd;
use errand_models::nothing_said;

impl Work<'_> {
    /// Tells of `failure`. Counts what it cost if the model has answered all the same: where the backend does not say what
    /// it used, `most` is what the agent has spent, and it cannot be told whether there is money for another turn.
    pub(super) async fn trouble(&self, failure: &Failure, most: Usd) -> Result<Option<OverBudget>, JournalError> {
        let (message, kind) = (failure.message(), Some(failure.kind()));
        let paid = nothing_said(failure).map(|usage| (usage, budget::cost_of_turn(self.profile.prices, usage)));
        journal::write(self.task.services(), &self.place, &[self.spending_key()], |draft| {
            if let Some(ended) = draft.run().status.terminal() {
                return Err(Refused::Ended(ended.as_str()).into());
            }
            draft.event(EventBody::Error(ErrorNote { message: message.clone(), kind }));
            if let Some((usage, cost)) = &paid {
                let (attempt, known) = (self.run.attempt, cost.as_ref().ok().copied());
                draft.on_run(RunAction::Paid { attempt, usage: *usage, cost: known.unwrap_or_default() })?;
                self.spend(draft, known.unwrap_or(most), draft.now);
            }
            Ok(())
        })
        .await?;
        Ok(paid.and_then(|(_, cost)| cost.err()).filter(|_| self.is_limited()))
    }
}
