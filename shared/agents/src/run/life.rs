//! The one function that changes a run.

use crate::{
    Refused,
    preview::{MESSAGE_PREVIEW, RESULT_PREVIEW, preview},
    run::{End, ExecutionUse, MAX_CITATIONS, Run, RunAction, RunStatus, TurnDone},
};
use errand::{Timestamp, spi::money::Usd};
use errand_models::Usage;

impl Run {
    /// The run after `action` at `now`, or why nothing happens to it. Pure; every rule of a run's life is here.
    pub fn apply(&self, action: RunAction, now: Timestamp) -> Result<Run, Refused> {
        use RunStatus as S;
        match (self.status, action) {
            // A newer claim of the task takes the run over, whatever the older worker is at.
            (S::Pending | S::Claimed | S::Running, RunAction::Claim { by, attempt }) => self.claimed(by, attempt),

            (S::Claimed, RunAction::Start { attempt }) => {
                self.fenced(attempt)?;
                Ok(Run { status: S::Running, started_at: self.started_at.or(Some(now)), ..self.clone() })
            }
            (S::Pending | S::Running, RunAction::Start { attempt }) => {
                self.fenced(attempt)?;
                Err(Refused::NotWhile(self.status.as_str()))
            }

            (S::Running, RunAction::Turn { attempt, turn }) => {
                self.fenced(attempt)?;
                Ok(self.after(*turn))
            }
            (S::Running, RunAction::Reserve { attempt, reserved }) => {
                self.fenced(attempt)?;
                let of_it = ExecutionUse { cost_usd: reserved.usd, ..ExecutionUse::default() };
                Ok(Run { reserved: Some(reserved), ..self.paid(of_it) })
            }
            (S::Running, RunAction::Paid { attempt, used }) => {
                self.fenced(attempt)?;
                Ok(self.settled(used))
            }
            (S::Running, RunAction::Close { attempt }) => {
                self.fenced(attempt)?;
                Ok(Run { is_ending: true, ..self.clone() })
            }
            (S::Running, RunAction::Used { attempt, thread_id, turn_id, used }) => {
                self.fenced(attempt)?;
                let run = self.paid(used);
                Ok(Run { thread_id: thread_id.or(run.thread_id), turn_id: turn_id.or(run.turn_id), ..run })
            }
            (
                S::Pending | S::Claimed,
                RunAction::Turn { attempt, .. }
                | RunAction::Reserve { attempt, .. }
                | RunAction::Paid { attempt, .. }
                | RunAction::Used { attempt, .. }
                | RunAction::Close { attempt },
            ) => {
                self.fenced(attempt)?;
                Err(Refused::NotWhile(self.status.as_str()))
            }

            // `attempt` stays: who was given up on is an older worker from now on.
            (S::Claimed | S::Running, RunAction::Release) => {
                Ok(Run { status: S::Pending, is_ending: false, reserved: None, ..self.clone() })
            }
            (S::Pending, RunAction::Release) => Err(Refused::NotWhile(self.status.as_str())),

            (S::Pending | S::Claimed | S::Running, RunAction::TaskEnded { end }) => Ok(self.ended(end, now)),

            (
                S::Completed | S::Failed | S::Blocked | S::Cancelled,
                RunAction::Claim { .. }
                | RunAction::Start { .. }
                | RunAction::Turn { .. }
                | RunAction::Close { .. }
                | RunAction::Release
                | RunAction::Reserve { .. }
                | RunAction::Paid { .. }
                | RunAction::Used { .. }
                | RunAction::TaskEnded { .. },
            ) => Err(Refused::Ended(self.status.as_str())),
        }
    }

    /// A claim number that is not newer is an older worker's, or the same claim again.
    fn claimed(&self, by: String, attempt: u32) -> Result<Run, Refused> {
        if attempt <= self.attempt {
            return Err(Refused::LeaseConflict(self.attempt));
        }
        // What an older worker was about to do, this one decides anew; what it has used stands in its own row.
        let (reserved, execution) = (None, ExecutionUse::default());
        let claimed_by = Some(by);
        Ok(Run {
            status: RunStatus::Claimed,
            claimed_by,
            attempt,
            is_ending: false,
            reserved,
            execution,
            ..self.clone()
        })
    }

    fn fenced(&self, attempt: u32) -> Result<(), Refused> {
        if attempt == self.attempt && attempt > 0 { Ok(()) } else { Err(Refused::LeaseConflict(self.attempt)) }
    }

    fn after(&self, turn: TurnDone) -> Run {
        let mut run = self.settled(turn.used);
        run.thread_id = turn.thread_id.or(run.thread_id);
        run.turn_id = turn.turn_id;
        run.turns = run.turns.saturating_add(1);
        run.message_preview = preview(&turn.message, MESSAGE_PREVIEW);
        add_new(&mut run.citations, turn.citations);
        run.retrieval.count = run.retrieval.count.saturating_add(turn.retrieved);
        add_new(&mut run.retrieval.sources, turn.sources);
        run
    }

    /// `used` in the place of what was reserved for it.
    fn settled(&self, used: ExecutionUse) -> Run {
        let reserved = self.reserved.as_ref().map_or(Usd::ZERO, |reserved| reserved.usd);
        let without = |sum: Usd| sum.moved(Usd::ZERO.more_than(reserved));
        let execution = ExecutionUse { cost_usd: without(self.execution.cost_usd), ..self.execution.clone() };
        let cost_usd = without(self.cost_usd);
        Run { cost_usd, execution, reserved: None, ..self.clone() }.paid(used)
    }

    fn paid(&self, used: ExecutionUse) -> Run {
        let ExecutionUse { model, usage, cost_usd } = used;
        let Usage { tokens_in, tokens_out } = usage.unwrap_or_default();
        let before = &self.execution;
        let so_far = before.usage.unwrap_or_default();
        Run {
            tokens_in: self.tokens_in.saturating_add(tokens_in),
            tokens_out: self.tokens_out.saturating_add(tokens_out),
            cost_usd: self.cost_usd.plus(cost_usd),
            execution: ExecutionUse {
                model: model.or(before.model.clone()),
                usage: usage.map(|usage| so_far.plus(usage)).or(before.usage),
                cost_usd: before.cost_usd.plus(cost_usd),
            },
            ..self.clone()
        }
    }

    fn ended(&self, end: End, now: Timestamp) -> Run {
        let End { status, failure, text } = end;
        let told = if text.is_empty() { &self.message_preview } else { &text };
        Run {
            status: status.into(),
            failure,
            result_preview: preview(told, RESULT_PREVIEW),
            is_ending: false,
            reserved: None,
            ended_at: Some(now),
            ..self.clone()
        }
    }
}

/// Adds what is not there yet, while there is room.
fn add_new(kept: &mut Vec<String>, more: Vec<String>) {
    for text in more {
        if kept.len() < MAX_CITATIONS && !kept.contains(&text) {
            kept.push(text);
        }
    }
}
