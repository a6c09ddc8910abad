//! A model that gives no answer: told of, and paid for if it may want to be. Its task's retries ask again.

use crate::{
    ExecutionUse, Refused, Reserved, RunAction,
    budget::{self, OverBudget},
    event::{ErrorNote, EventBody},
    journal::{self, JournalError},
    run_agent::{Failure, work::Work},
};
use errand::spi::money::Usd;
use errand_models::{may_cost, nothing_said};

impl Work<'_> {
    /// Tells of `failure`, and settles what was reserved for the call: if the model has answered all the same, by what that
    /// cost; if the backend has refused, by nothing. If nobody knows what it did, all of it stays spent; and where it
    /// answers without saying what it used, it cannot be told whether there is money for another turn.
    pub(super) async fn trouble(
        &self,
        failure: &Failure,
        reserved: &Reserved,
    ) -> Result<Option<OverBudget>, JournalError> {
        let (message, kind) = (failure.message(), Some(failure.kind()));
        let usage = nothing_said(failure);
        let known = usage.map(|usage| budget::cost_of_turn(self.profile.prices, usage));
        let unknown = if may_cost(failure) { reserved.usd } else { Usd::ZERO };
        let cost = known.as_ref().and_then(|cost| cost.as_ref().ok().copied()).unwrap_or(unknown);
        let used = ExecutionUse { usage: usage.flatten(), cost_usd: cost, ..ExecutionUse::default() };
        journal::write(self.task.services(), &self.place, &self.counters(), |draft| {
            if let Some(ended) = draft.run().status.terminal() {
                return Err(Refused::Ended(ended.as_str()).into());
            }
            // First in the commit is this event, by which a store knows an earlier try that has landed: it is never decided
            // anew of a call that is settled.
            draft.event(EventBody::Error(ErrorNote { message: message.clone(), kind }));
            draft.on_run(RunAction::Paid { attempt: self.run.attempt, used: used.clone() })?;
            self.settle(draft, reserved, cost);
            Ok(())
        })
        .await?;
        Ok(known.and_then(Result::err).filter(|_| self.is_limited()))
    }
}
