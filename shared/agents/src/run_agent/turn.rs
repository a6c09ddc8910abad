//! One turn: asked under watch, then stored with all that follows from it in one commit.

use std::time::Duration;

use crate::{
    CommandAction, ExecutionUse, Reserved, RunAction, SessionAction, StoredTurn, TurnDone, budget, create,
    event::{AssistantMessage, BackendPhase, EventBody, ToolCallNote},
    journal::{self, Draft, JournalError},
    key_of, of_journal,
    run_agent::{Failure, ask::Ask, pay::over_budget, watch::Stop, work::Work},
};
use errand::{Stored, spi::money::Usd};
use errand_models::{ChatAnswer, ChatRequest};

/// How long a turn is kept: longer than any task waits for its next execution or its redrive.
pub(super) const KEEP_TURNS: Duration = Duration::from_secs(180 * 24 * 3600);

/// What came of asking.
pub(super) enum TurnAsked {
    /// The answer is stored.
    Stored,
    /// The call was dropped: somebody wants something else.
    Interrupted,
    /// The call was dropped: the task is another's, or over.
    Lost,
}

impl Work<'_> {
    /// Asks the model, and stores its answer before anything depends on it.
    pub(super) async fn ask(&mut self, ask: Ask) -> Result<TurnAsked, Failure> {
        let request = self.request(&ask);
        let reserved = self.reserve(&request).await?;
        let answer = match self.answered(&request, &reserved).await? {
            Ok(answer) => answer,
            Err(asked) => return Ok(asked),
        };
        let stored = self.store(ask, answer, &reserved).await?;
        self.turns.push(stored);
        Ok(TurnAsked::Stored)
    }

    /// What the model answers, or what came of asking it instead.
    pub(super) async fn answered(
        &self,
        request: &ChatRequest,
        reserved: &Reserved,
    ) -> Result<Result<ChatAnswer, TurnAsked>, Failure> {
        let answer = tokio::select! {
            biased;
            answer = self.agents.profiles.chat(self.task, self.asked.profile.as_str(), request) => answer,
            stop = self.watch() => return Ok(Err(match stop {
                Stop::Interrupted => TurnAsked::Interrupted,
                Stop::Lost => TurnAsked::Lost,
            })),
        };
        let failure = match answer {
            Ok(answer) => return Ok(Ok(answer)),
            Err(failure) => failure,
        };
        match self.trouble(&failure, reserved).await {
            Err(JournalError::LeaseLost) => Ok(Err(TurnAsked::Lost)),
            // Nothing follows of which it cannot be told whether there is money for it.
            Ok(Some(over)) => Err(over_budget(&over)),
            // What went wrong with the model is what counts.
            _ => Err(failure),
        }
    }

    /// Commits the turn: its answer, its tokens and cost, the agent's spending, the events that tell of it, the commands
    /// that are done with it, and what the supervisor notes; all once, or not at all.
    /// Where the backend does not say what it used, what was reserved stays spent.
    async fn store(&self, ask: Ask, answer: ChatAnswer, reserved: &Reserved) -> Result<StoredTurn, Failure> {
        let (app, tenant) = (self.task.services(), &self.place.tenant);
        let nth = self.run.turns;
        let id = StoredTurn::id(&self.place.run, nth);
        let dropped = answer.tool_calls.len().saturating_sub(crate::TURN_CALLS);
        let cost = budget::cost_of_turn(self.profile.prices, answer.usage).ok();
        let turn = StoredTurn {
            run_id: self.place.run.clone(),
            session_id: self.session_id(),
            nth,
            cause: ask.cause,
            prompt: StoredTurn::kept_prompt(&ask.prompt),
            said: StoredTurn::kept_words(&ask.said),
            answer: StoredTurn::kept(answer),
            cost_usd: cost,
            at: self.task.now(),
        };
        let mut also = self.counters();
        also.push(key_of::<StoredTurn>(tenant, &id));
        let counted = cost.unwrap_or(reserved.usd);
        let stored = journal::write(app, &self.place, &also, |draft| {
            if let Some(there) = draft.also.last_mut().and_then(Option::take) {
                // An earlier try of this execution's.
                let there = Stored::<StoredTurn>::read(there);
                return Ok(there.map_or_else(|_| turn.clone(), |there| there.value));
            }
            let done = RunAction::Turn { attempt: self.run.attempt, turn: Box::new(done(&turn, counted)) };
            draft.on_run(done)?;
            tell(draft, &turn, dropped);
            for command in &ask.commands {
                draft.on_command(command, CommandAction::Complete)?;
            }
            self.supervise(draft, &turn)?;
            self.settle(draft, reserved, counted);
            draft.put_first(create(tenant, &id, &turn, turn.at).expiring(turn.at + KEEP_TURNS));
            Ok(turn.clone())
        });
        stored.await.map_err(of_journal)
    }

    /// Notes in the session what the turn was, and what is the matter with it.
    fn supervise(&self, draft: &mut Draft, turn: &StoredTurn) -> Result<(), JournalError> {
        let run = draft.run_id().clone();
        let thread_id = turn.answer.thread_id.clone();
        draft.on_session(SessionAction::Turn { run, thread_id, characters: turn.characters() })?;
        let mut turns = self.turns.clone();
        turns.push(turn.clone());
        let Some(session) = draft.session().cloned() else { return Ok(()) };
        let assessment = self.assessment(&turns, &session, draft.run().cost_usd);
        if let Some(incident) = &assessment.incident {
            draft.happened(BackendPhase::SessionUpdated, None, Some(assessment.note()));
            if let Some(session) = draft.session_mut().filter(|_| incident.reason.is_trouble()) {
                session.note(incident.clone());
            }
        }
        Ok(())
    }
}

fn done(turn: &StoredTurn, cost_usd: Usd) -> TurnDone {
    let ChatAnswer { text, model, usage, thread_id, turn_id, citations, sources, .. } = turn.answer.clone();
    let used = ExecutionUse { model: Some(model), usage, cost_usd };
    let retrieved = sources.len() as u64;
    TurnDone { thread_id, turn_id, message: text, used, citations, retrieved, sources }
}

/// The events of a turn: the tools it used, then what it said.
fn tell(draft: &mut Draft, turn: &StoredTurn, dropped: usize) {
    for call in &turn.answer.tool_calls {
        let input = serde_json::from_str(&call.arguments).unwrap_or_else(|_| call.arguments.clone().into());
        let (tool, call_id, output) = (call.name.clone(), Some(call.id.clone()), call.output.clone());
        draft.event(EventBody::ToolCall(ToolCallNote { tool, call_id, input, output }));
    }
    if dropped > 0 {
        draft.happened(BackendPhase::SessionUpdated, None, Some(format!("{dropped} more tool calls are not shown")));
    }
    let (text, turn_id) = (turn.answer.text.clone(), turn.answer.turn_id.clone());
    if !text.trim().is_empty() {
        draft.event(EventBody::AssistantMessage(AssistantMessage { text, turn_id }));
    }
}
