//! The one function that changes a session.

use crate::{
    Refused, Terminal,
    preview::{RESULT_PREVIEW, preview},
    session::{ExecutionState, Session, Waiting},
};
use errand::{Doc, FailureKind, Id, Timestamp};

/// What can happen to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAction {
    /// A run is begun that will go on in it: it must find it there when its time has come.
    RunAwaited {
        /// Until when it must; absent: it is kept for ever.
        until: Option<Timestamp>,
    },
    /// A run whose time has come takes its place among those that wait for their turn, unless it has one or the line is
    /// full.
    RunWaits(Waiting),
    /// It gives its place up: it has ended, or has another time.
    RunLeaves {
        /// Which.
        run: Id,
    },
    /// A run begins in it, or is taken over: said with its claim. One that only waits finds out with its claim whether
    /// another goes on.
    RunStarted {
        /// Which.
        run: Id,
    },
    /// The run is given a command.
    Command {
        /// Which run.
        run: Id,
        /// Which command.
        command: Id,
    },
    /// A command has ended.
    CommandEnded {
        /// Which.
        command: Id,
    },
    /// The run has new events.
    Appended {
        /// Which run.
        run: Id,
        /// The newest one's number.
        last_event_seq: u64,
        /// Whether there is something to read among them.
        to_read: bool,
    },
    /// Something was asked and answered; its events are told by `Appended`.
    Turn {
        /// In which run.
        run: Id,
        /// The backend's name for the exchange.
        thread_id: Option<String>,
        /// How many characters were said, both ways.
        characters: u64,
    },
    /// What was said before its newest turns was put in short.
    Compacted {
        /// Where it is told: a [`crate::Recap`].
        recap: Id,
        /// How many turns are still told as they were.
        turns: u64,
        /// Of how many characters.
        characters: u64,
    },
    /// The run has ended.
    RunEnded {
        /// Which.
        run: Id,
        /// How.
        status: Terminal,
        /// Why, if it failed.
        failure_kind: Option<FailureKind>,
        /// The result, or what ended it.
        text: String,
        /// When the session may be cleaned up if nothing more happens in it, and nothing waits.
        expires_at: Option<Timestamp>,
    },
    /// Its time is over.
    Expire,
}

impl Session {
    /// The session after `action` at `now`, or why nothing happens to it. Pure; every rule of a session's life is here.
    pub fn apply(&self, action: SessionAction, now: Timestamp) -> Result<Session, Refused> {
        use ExecutionState as S;
        use SessionAction as A;
        match (self.execution_state, action) {
            (S::Idle | S::Terminal, A::RunAwaited { .. }) if self.is_expired(now) => Err(Refused::Expired),
            (S::Idle | S::Running | S::Terminal, A::RunAwaited { until }) => Ok(Session {
                expires_at: self.expires_at.zip(until).map(|(at, until)| at.max(until)),
                kept_until: self.kept_until.max(until),
                ..self.clone()
            }),

            (S::Idle | S::Running | S::Terminal, A::RunWaits(place)) => Ok(self.with_place(place)),
            (S::Idle | S::Running | S::Terminal, A::RunLeaves { run }) => Ok(self.without_place(&run)),

            (S::Idle | S::Terminal, A::RunStarted { run }) => self.started(run, now),
            // The same run, taken over by another worker.
            (S::Running, A::RunStarted { run }) => self.active(&run).map(|()| self.clone()),

            (S::Running, A::Command { run, command }) => {
                self.active(&run)?;
                let last_command = Some(command.clone());
                Ok(Session { active_command: Some(command), last_command, ..self.clone() })
            }
            (S::Running, A::CommandEnded { command }) => {
                let active_command = self.active_command.clone().filter(|active| *active != command);
                Ok(Session { active_command, ..self.clone() })
            }
            (S::Running, A::Appended { run, last_event_seq, to_read }) => {
                self.active(&run)?;
                let session = Session { last_event_seq: self.last_event_seq.max(last_event_seq), ..self.clone() };
                Ok(if to_read { session.seen_at(now) } else { session })
            }
            (S::Running, A::Turn { run, thread_id, characters }) => {
                self.active(&run)?;
                Ok(Session {
                    thread_id: thread_id.or_else(|| self.thread_id.clone()),
                    messages: self.messages.saturating_add(2),
                    characters: self.characters.saturating_add(characters),
                    ..self.clone()
                })
            }
            (S::Running, A::Compacted { recap, turns, characters }) => Ok(Session {
                messages: turns.saturating_mul(2),
                characters,
                history: String::new(),
                recap_id: Some(recap),
                ..self.clone()
            }),
            (S::Running, A::RunEnded { run, status, failure_kind, text, expires_at }) => {
                self.active(&run)?;
                Ok(self.ended(status, failure_kind, &text, expires_at).seen_at(now))
            }
            (
                S::Idle | S::Terminal,
                A::Command { .. }
                | A::CommandEnded { .. }
                | A::Appended { .. }
                | A::Turn { .. }
                | A::Compacted { .. }
                | A::RunEnded { .. },
            ) => Err(Refused::NotWhile(self.execution_state.as_str())),

            (S::Running, A::Expire) => Err(Refused::NotWhile(self.execution_state.as_str())),
            (S::Idle | S::Terminal, A::Expire) if self.is_expired(now) => Ok(self.closed()),
            (S::Idle | S::Terminal, A::Expire) => Err(Refused::NotWhile("kept")),
        }
    }

    /// Without what its runs worked with: what it was and came to stays.
    fn closed(&self) -> Session {
        Session {
            execution_state: ExecutionState::Terminal,
            thread_id: None,
            metadata: Doc::new(),
            history: String::new(),
            recap_id: None,
            messages: 0,
            characters: 0,
            incidents: Vec::new(),
            waiting: Vec::new(),
            ..self.clone()
        }
    }

    /// Whether it may be cleaned up.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    fn started(&self, run: Id, now: Timestamp) -> Result<Session, Refused> {
        if self.is_expired(now) {
            return Err(Refused::Expired);
        }
        self.is_turn_of(&run)?;
        Ok(Session {
            execution_state: ExecutionState::Running,
            active_run: Some(run.clone()),
            last_run: Some(run.clone()),
            active_command: None,
            last_event_seq: 0,
            expires_at: None,
            // It moves up in the list, but there is nothing to read yet.
            last_activity_at: self.last_activity_at.max(now),
            ..self.without_place(&run)
        })
    }

    fn active(&self, run: &Id) -> Result<(), Refused> {
        match &self.active_run {
            Some(active) if active == run => Ok(()),
            Some(other) => Err(Refused::Busy(other.clone())),
            None => Err(Refused::NotWhile(self.execution_state.as_str())),
        }
    }

    fn seen_at(self, now: Timestamp) -> Session {
        Session { revision: self.revision + 1, last_activity_at: self.last_activity_at.max(now), ..self }
    }

    fn ended(
        &self,
        status: Terminal,
        failure_kind: Option<FailureKind>,
        text: &str,
        expires_at: Option<Timestamp>,
    ) -> Session {
        let execution_state = match status {
            Terminal::Completed => ExecutionState::Idle,
            Terminal::Failed | Terminal::Blocked | Terminal::Cancelled => ExecutionState::Terminal,
        };
        let kept_until = self.kept_until.unwrap_or_default();
        let summary = if text.is_empty() { self.summary.clone() } else { preview(text, RESULT_PREVIEW) };
        Session {
            execution_state,
            active_run: None,
            active_command: None,
            terminal_status: Some(status),
            failure_kind,
            summary,
            expires_at: expires_at.map(|at| at.max(kept_until)),
            ..self.clone()
        }
    }
}

impl ExecutionState {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ExecutionState::Idle => "idle",
            ExecutionState::Running => "running",
            ExecutionState::Terminal => "terminal",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{session::tests::session, table::table};

    fn now() -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000)
    }

    fn place(run: &'static str) -> Waiting {
        Waiting { run_id: Id::of(run), task_id: uuid::Uuid::nil() }
    }

    fn ended(status: Terminal) -> SessionAction {
        let failure_kind = (status == Terminal::Failed).then_some(FailureKind::Timeout);
        let (text, expires_at) = (format!("it {}", status.as_str()), Some(now() + Duration::from_secs(3600)));
        SessionAction::RunEnded { run: Id::of("r1"), status, failure_kind, text, expires_at }
    }

    fn states() -> Vec<(String, Session)> {
        let idle = session(json!("t"), "");
        let running = Session {
            execution_state: ExecutionState::Running,
            active_run: Some(Id::of("r1")),
            waiting: vec![place("r2"), place("r3")],
            last_run: Some(Id::of("r1")),
            active_command: Some(Id::of("c1")),
            last_command: Some(Id::of("c1")),
            last_event_seq: 5,
            revision: 2,
            messages: 4,
            characters: 900,
            ..idle.clone()
        };
        let terminal = Session {
            execution_state: ExecutionState::Terminal,
            terminal_status: Some(Terminal::Failed),
            failure_kind: Some(FailureKind::Timeout),
            expires_at: Some(now() + Duration::from_secs(1)),
            ..idle.clone()
        };
        let kept = Session { kept_until: Some(now() + Duration::from_secs(7200)), ..running.clone() };
        let due = Session { waiting: vec![place("r1"), place("r2")], ..idle.clone() };
        let over = |session: &Session| Session { expires_at: Some(now()), ..session.clone() };
        [
            ("idle", idle.clone()),
            ("idle, its time over", over(&idle)),
            ("idle, r1 and r2 wait", due),
            ("running r1 with c1, r2 and r3 wait", running),
            ("running r1, kept for another", kept),
            ("terminal", terminal.clone()),
            ("terminal, its time over", over(&terminal)),
        ]
        .map(|(name, session)| (name.to_owned(), session))
        .into()
    }

    fn actions() -> Vec<(String, SessionAction)> {
        use SessionAction as A;
        let (r1, r2, c1, c2) = (Id::of("r1"), Id::of("r2"), Id::of("c1"), Id::of("c2"));
        let appended = |run: &Id, last_event_seq, to_read| A::Appended { run: run.clone(), last_event_seq, to_read };
        let turn = |run: &Id| A::Turn { run: run.clone(), thread_id: Some("th".into()), characters: 100 };
        [
            ("r2 awaited soon", A::RunAwaited { until: Some(now() + Duration::from_millis(1)) }),
            ("r2 awaited later", A::RunAwaited { until: Some(now() + Duration::from_secs(9000)) }),
            ("r2 awaited, kept for ever", A::RunAwaited { until: None }),
            ("r1 waits", A::RunWaits(place("r1"))),
            ("r2 waits", A::RunWaits(place("r2"))),
            ("r1 leaves", A::RunLeaves { run: r1.clone() }),
            ("r2 leaves", A::RunLeaves { run: r2.clone() }),
            ("r1 started", A::RunStarted { run: r1.clone() }),
            ("r2 started", A::RunStarted { run: r2.clone() }),
            ("command c2 to r1", A::Command { run: r1.clone(), command: c2.clone() }),
            ("command c2 to r2", A::Command { run: r2.clone(), command: c2.clone() }),
            ("c1 ended", A::CommandEnded { command: c1 }),
            ("c2 ended", A::CommandEnded { command: c2 }),
            ("r1 appended", appended(&r1, 9, false)),
            ("r1 appended something to read", appended(&r1, 9, true)),
            ("r1 appended, late", appended(&r1, 3, false)),
            ("r2 appended something to read", appended(&r2, 9, true)),
            ("turn of r1", turn(&r1)),
            ("turn of r2", turn(&r2)),
            ("compacted", A::Compacted { recap: Id::of("h1"), turns: 1, characters: 300 }),
            ("r1 completed", ended(Terminal::Completed)),
            ("r1 failed", ended(Terminal::Failed)),
            ("r1 blocked", ended(Terminal::Blocked)),
            ("r1 cancelled", ended(Terminal::Cancelled)),
            (
                "r2 completed",
                A::RunEnded {
                    run: r2,
                    status: Terminal::Completed,
                    failure_kind: None,
                    text: String::new(),
                    expires_at: None,
                },
            ),
            ("expire", A::Expire),
        ]
        .map(|(name, action)| (name.to_owned(), action))
        .into()
    }

    #[test]
    fn every_state_against_every_action() {
        insta::assert_snapshot!(table(states(), &actions(), |session, action| session.apply(action, now())));
    }

    #[test]
    fn a_clock_set_back_moves_no_session_down_the_list() {
        let later = Session { last_activity_at: now() + Duration::from_secs(9), ..session(json!("t"), "") };
        let started = later.apply(SessionAction::RunStarted { run: Id::of("r1") }, now()).unwrap();
        let ended = started.apply(ended(Terminal::Completed), now()).unwrap();
        assert_eq!(
            (started.last_activity_at, ended.last_activity_at),
            (later.last_activity_at, later.last_activity_at)
        );
    }
}
