//! What a call of the model costs: reserved before it is made, settled once it is known.
//!
//! The reservation is a commit of its own, of the run and of the counter of who pays. From it on the most that the call may
//! cost is spent, for the budgets of whatever else goes on and for the task's log, and it stays spent unless the worker
//! that made it says otherwise: an interrupt, a timeout, a lost worker leave it as it is.

use crate::{
    Reserved, RunAction,
    budget::{self, BudgetVerdict, OverBudget},
    event::BackendPhase,
    journal::{self, Draft},
    of_journal,
    run_agent::{Failure, work::Work},
};
use errand::spi::{ids, money::Usd};
use errand_models::ChatRequest;

impl Work<'_> {
    /// Reserves the most that the answer to `request` may cost, if the budgets allow a call: they are looked at in what the
    /// commit builds on, so that of two at the same time the second one sees what the first has reserved. Where nothing
    /// costs anything, or it is not known what it does, nothing is written.
    pub(super) async fn reserve(&self, request: &ChatRequest) -> Result<Reserved, Failure> {
        let usd = budget::most_of_turn(self.profile.prices, request);
        let reserved = Reserved { call: ids::fresh(), usd, at: self.task.now() };
        let is_limited = self.is_limited();
        if usd == Usd::ZERO && !is_limited {
            return Ok(reserved);
        }
        let (prices, zone) = (self.profile.prices, self.agents.rules.zone());
        let (holders, goal, attempt) = (self.holders(), self.asked.mission_cost_budget_usd, self.run.attempt);
        let counters = self.counters();
        let allowed = journal::write(self.task.services(), &self.place, &counters, |draft| {
            if draft.run().reserved.as_ref().is_some_and(|there| there.call == reserved.call) {
                return Ok(Ok(())); // a commit that was made again has landed before
            }
            for (nth, holder) in holders.iter().enumerate() {
                if let Err(over) = budget::before_turn(holder, goal, prices, &draft.spending(nth), draft.now, zone) {
                    return Ok(Err(over));
                }
            }
            if usd > Usd::ZERO {
                draft.on_run(RunAction::Reserve { attempt, reserved: reserved.clone() })?;
                for (nth, holder) in holders.iter().enumerate() {
                    draft.reserve((nth, holder.counter.clone()), &reserved, zone);
                }
            }
            Ok(Ok(()))
        });
        allowed.await.map_err(of_journal)?.map_err(|over| over_budget(&over))?;
        Ok(reserved)
    }

    /// Counts what a call did cost in the place of what was reserved for it, and says so if a limit is near.
    pub(super) fn settle(&self, draft: &mut Draft, reserved: &Reserved, cost: Usd) {
        let zone = self.agents.rules.zone();
        for (nth, holder) in self.holders().iter().enumerate() {
            let counter = (nth, holder.counter.clone());
            let Some(after) = draft.settle(counter, (reserved, cost), zone) else { continue };
            if let BudgetVerdict::Warn(near) | BudgetVerdict::Stop(near) = holder.check(&after, draft.now, zone) {
                let note = format!("{} of {} of {} are spent", near.spent_usd, near.name(), near.limit_usd);
                draft.happened(BackendPhase::SessionUpdated, None, Some(note));
            }
        }
    }
}

/// The failure of a run that may have no other turn.
pub(super) fn over_budget(over: &OverBudget) -> Failure {
    Failure::said(over.kind(), over.to_string())
}
