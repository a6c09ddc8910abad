//! What follows: another turn, or the end. Commands first, then what the supervisor says.

use serde_json::{Value, json};

use crate::{
    Cause, Command, CommandAction, CommandKind, CommandStatus, Refused, RunAction, SessionAction, StoredTurn,
    TURN_CALLS,
    event::APPEND_EVENTS,
    journal::{self, Draft},
    of_journal,
    run_agent::{Failure, Outcome, ask::Ask, work::Work},
    supervisor::{MAX_FOLLOW_UPS, Next, Remedy, TurnEnd, first_prompt, next},
};
use errand::Id;
use errand_models::Finish;

/// How many turns a run has at most, whoever asks for them.
const MAX_TURNS: usize = 50;

/// How many commands one prompt takes up; the rest waits for the next.
const MAX_SAID: usize = 12;

// The events of a turn are appended together: its calls, its commands' ends, what it said, and three notes at most.
const _: () = assert!(TURN_CALLS + MAX_SAID + 4 <= APPEND_EVENTS);

/// What follows.
pub(super) enum Step {
    /// Another turn.
    Ask(Ask),
    /// The end.
    End(Outcome),
}

/// Why a run ends that was interrupted and told nothing else.
const INTERRUPTED: &str = "interrupted";

impl Work<'_> {
    /// Decides what follows, on what is there now. Decided again after a crash it is the same. An end is decided on all
    /// the commands that were ever taken: one given meanwhile has it decided again, and none is given after it.
    pub(super) async fn step(&mut self) -> Result<Step, Failure> {
        loop {
            self.refresh().await?;
            let step = self.decided().await?;
            if matches!(step, Step::Ask(_)) || self.closed().await? {
                return Ok(step);
            }
        }
    }

    /// Has the run take no more commands; `false`: there is one that nothing was decided on yet.
    async fn closed(&self) -> Result<bool, Failure> {
        let (known, attempt) = (&self.commands, self.run.attempt);
        let closed = journal::write(self.task.services(), &self.place, &[], |draft| {
            let is_known = |id: &Id| known.iter().any(|(known, _)| known == id);
            if !draft.open_commands().all(|(id, _)| is_known(id)) {
                return Ok(false);
            }
            draft.on_run(RunAction::Close { attempt })?;
            Ok(true)
        });
        closed.await.map_err(of_journal)
    }

    async fn decided(&mut self) -> Result<Step, Failure> {
        if self.commands.iter().any(|(_, command)| command.kind == CommandKind::Interrupt) {
            return self.interrupted().await;
        }
        let said = self.to_say(|_| true);
        let (base, cause) = match self.supervised() {
            Next::FollowUp(prompt) => (Some(prompt.to_owned()), Cause::FollowUp),
            Next::Done if !said.is_empty() => (None, Cause::Command),
            Next::Done if self.turns.is_empty() => (Some(self.first_prompt()), Cause::First),
            Next::Done => return Ok(Step::End(self.completed())),
            // Somebody may have answered already.
            Next::Block(_) if !said.is_empty() && !self.is_stopped() => (None, Cause::Command),
            Next::Block(missing) => return Ok(Step::End(Outcome::Block(missing))),
        };
        let base = if self.turns.is_empty() { Some(self.first_prompt()) } else { base };
        let cause = if self.turns.is_empty() { Cause::First } else { cause };
        self.take_up(base, cause, said).await
    }

    /// What the supervisor says; [`Next::Done`] before the first turn.
    fn supervised(&self) -> Next {
        let Some(last) = self.turns.last() else { return Next::Done };
        let assessment = self.assessment(&self.turns, &self.session, self.run.cost_usd);
        let follow_ups = self.turns.iter().filter(|turn| turn.cause == Cause::FollowUp).count();
        debug_assert!(follow_ups <= MAX_FOLLOW_UPS, "the supervisor allows no more");
        next(&TurnEnd { turn: &last.assessed(), follow_ups, assessment: &assessment })
    }

    /// Whether the supervisor wants a person, whatever else is said.
    fn is_stopped(&self) -> bool {
        self.assessment(&self.turns, &self.session, self.run.cost_usd).action == Remedy::Block
    }

    pub(super) fn first_prompt(&self) -> String {
        first_prompt(&self.asked.prompt, self.task.redrive_note())
    }

    /// The commands whose words go into the next prompt, of those that `counts` is true of: every steer, and one turn.
    fn to_say(&self, counts: impl Fn(&Command) -> bool) -> Vec<(Id, Command)> {
        let mut turns = 0;
        let mut said = self.commands.clone();
        said.retain(|(_, command)| counts(command));
        said.retain(|(_, command)| match command.kind {
            CommandKind::Steer => true,
            CommandKind::Turn => {
                turns += 1;
                turns == 1
            }
            CommandKind::Interrupt => false,
        });
        said.truncate(MAX_SAID);
        said
    }

    /// The turn in hand was dropped, and what was said in it with it. What was said besides is taken up; if there is
    /// nothing, the run waits for a person.
    async fn interrupted(&mut self) -> Result<Step, Failure> {
        let said = self.to_say(|command| command.status == CommandStatus::Pending);
        let goes_on = !said.is_empty();
        self.change(|draft, open| {
            for (id, command) in open {
                match (command.kind, command.status) {
                    (CommandKind::Interrupt, status) => {
                        if status == CommandStatus::Pending {
                            draft.on_command(id, CommandAction::Acknowledge)?;
                        }
                        // One that ends the run is completed by that end.
                        if goes_on {
                            draft.on_command(id, CommandAction::Complete)?;
                        }
                    }
                    (_, CommandStatus::Acknowledged) => {
                        draft.on_command(id, CommandAction::Fail(INTERRUPTED.to_owned()))?;
                    }
                    (_, _) => {}
                }
            }
            Ok(())
        })
        .await?;
        if !goes_on {
            return Ok(Step::End(Outcome::Block(INTERRUPTED.to_owned())));
        }
        let (base, cause) =
            if self.turns.is_empty() { (Some(self.first_prompt()), Cause::First) } else { (None, Cause::Command) };
        self.take_up(base, cause, said).await
    }

    /// Makes `base` and what was said the next turn, if there may be one; the commands are acknowledged. Every turn comes
    /// through here, whoever wants it.
    async fn take_up(&mut self, base: Option<String>, cause: Cause, said: Vec<(Id, Command)>) -> Result<Step, Failure> {
        if self.turns.len() >= MAX_TURNS {
            return Ok(Step::End(Outcome::Block(format!("the run has had {MAX_TURNS} turns"))));
        }
        if let Some(spent) = self.goal_is_spent() {
            return Ok(Step::End(Outcome::Block(spent)));
        }
        let ids: Vec<Id> = said.iter().map(|(id, _)| id.clone()).collect();
        if said.iter().any(|(_, command)| command.status == CommandStatus::Pending) {
            self.change(|draft, open| {
                for (id, _) in
                    open.iter().filter(|(id, command)| ids.contains(id) && command.status == CommandStatus::Pending)
                {
                    draft.on_command(id, CommandAction::Acknowledge)?;
                    let (run, command) = (draft.run_id().clone(), id.clone());
                    draft.on_session(SessionAction::Command { run, command })?;
                }
                Ok(())
            })
            .await?;
        }
        let asked_for = said.iter().any(|(_, command)| command.kind == CommandKind::Turn);
        let cause = if asked_for && cause == Cause::FollowUp { Cause::Command } else { cause };
        let words = said.iter().map(|(_, command)| words(command)).collect::<Vec<String>>();
        let prompt = base.iter().chain(&words).map(String::as_str).collect::<Vec<&str>>().join("\n\n");
        Ok(Step::Ask(Ask { prompt, said: words.join("\n\n"), cause, commands: ids }))
    }

    /// Changes the open commands, as they are when it is written.
    async fn change(
        &self,
        change: impl Fn(&mut Draft, &[(Id, Command)]) -> Result<(), Refused> + Send + Sync,
    ) -> Result<(), Failure> {
        let changed = journal::write(self.task.services(), &self.place, &[], |draft| {
            let open: Vec<(Id, Command)> =
                draft.open_commands().map(|(id, command)| (id.clone(), command.clone())).collect();
            Ok(change(draft, &open)?)
        });
        changed.await.map_err(of_journal)
    }

    fn completed(&self) -> Outcome {
        let run = &self.run;
        let output = json!({
            "run_id": self.place.run,
            "session_id": run.session_id,
            "agent_id": run.agent_id,
            "result": result(&self.turns),
            "turns": self.turns.len(),
            "tokens_in": run.tokens_in,
            "tokens_out": run.tokens_out,
            "cost_usd": run.cost_usd,
            "model": self.turns.last().map(|turn| turn.answer.model.as_str()),
        });
        Outcome::Complete { output, effects: Vec::new() }
    }
}

/// The newest answer that has words, with the parts of it that were cut off before.
fn result(turns: &[StoredTurn]) -> String {
    let newest = turns.iter().rposition(|turn| !turn.answer.text.trim().is_empty()).unwrap_or_default();
    let (before, since) = turns.split_at(newest.min(turns.len()));
    let cut = before.iter().rev().take_while(|turn| turn.answer.finish == Finish::Length).count();
    let parts = before.iter().skip(before.len() - cut).chain(since.first());
    parts.map(|turn| turn.answer.text.as_str()).collect()
}

/// What a command says to the agent.
fn words(command: &Command) -> String {
    match &command.payload {
        Value::String(text) => text.clone(),
        payload => match payload.get("prompt").and_then(Value::as_str) {
            Some(prompt) => prompt.to_owned(),
            None => payload.to_string(),
        },
    }
}
