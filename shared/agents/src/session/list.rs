//! Lists of sessions: what a reader sees first, and what belongs to a filter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::session::{ExecutionState, Session};

/// How much a session wants a reader's attention; most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Attention {
    /// Something goes on in it.
    Active,
    /// It has something that the reader has not seen.
    Unread,
    /// It does not.
    Read,
}

/// Which sessions to list: `state` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionFilter {
    /// All but those that are terminal and read.
    #[default]
    Default,
    /// Those that something goes on in.
    Running,
    /// Those with something that the reader has not seen, whether or not something goes on.
    Unread,
    /// Those whose last run did not end well, or whose time is over.
    Terminal,
    /// Those that wait for another run.
    Idle,
    /// All.
    All,
}

/// A part of a list in the order "active, unread, newest activity". What is unread depends on the reader, so the list
/// is read once for each part, newest place first, each showing its own; a page's cursor names part and place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Those that something goes on in. They stand first, so that the first other one ends this part.
    #[default]
    Active,
    /// Those with something unread.
    Unread,
    /// The others.
    Read,
}

impl Session {
    /// Its place among its project's sessions: with newest first, active ones before all others.
    pub fn place(&self) -> String {
        let active = u8::from(self.execution_state == ExecutionState::Running);
        format!("{active}.{:015}", self.last_activity_at.as_millis().max(0))
    }

    /// Whether there is something new to a reader who has seen the revision `mark` (0: nothing). Without a reader
    /// there is not.
    pub fn is_unread(&self, mark: Option<u64>) -> bool {
        mark.is_some_and(|mark| self.revision > mark)
    }

    /// How much it wants the attention of a reader who has seen the revision `mark`.
    pub fn attention(&self, mark: Option<u64>) -> Attention {
        match self.execution_state {
            ExecutionState::Running => Attention::Active,
            ExecutionState::Idle | ExecutionState::Terminal if self.is_unread(mark) => Attention::Unread,
            ExecutionState::Idle | ExecutionState::Terminal => Attention::Read,
        }
    }
}

impl SessionFilter {
    /// Whether it shows `session` to a reader who has seen the revision `mark`.
    pub fn shows(self, session: &Session, mark: Option<u64>) -> bool {
        let state = session.execution_state;
        match self {
            SessionFilter::Default => state != ExecutionState::Terminal || session.is_unread(mark),
            SessionFilter::Running => state == ExecutionState::Running,
            SessionFilter::Unread => session.is_unread(mark),
            SessionFilter::Terminal => state == ExecutionState::Terminal,
            SessionFilter::Idle => state == ExecutionState::Idle,
            SessionFilter::All => true,
        }
    }
}

impl Phase {
    /// Whether a session that wants this much attention is shown in this part.
    pub fn shows(self, attention: Attention) -> bool {
        match self {
            Phase::Active => attention == Attention::Active,
            Phase::Unread => attention == Attention::Unread,
            Phase::Read => attention == Attention::Read,
        }
    }

    /// The part after this one.
    pub fn next(self) -> Option<Phase> {
        match self {
            Phase::Active => Some(Phase::Unread),
            Phase::Unread => Some(Phase::Read),
            Phase::Read => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::session::tests::session;
    use errand::Timestamp;

    fn at(s: u64, execution_state: ExecutionState, revision: u64) -> Session {
        let last_activity_at = Timestamp::default() + Duration::from_secs(s);
        Session { last_activity_at, execution_state, revision, ..session(json!(s.to_string()), "") }
    }

    #[test]
    fn sessions_are_listed_active_first_then_unread_then_by_newest_activity() {
        use ExecutionState::{Idle, Running, Terminal};
        let mut sessions =
            [at(5, Idle, 1), at(9, Idle, 0), at(1, Running, 0), at(7, Terminal, 3), at(2, Running, 4), at(8, Idle, 0)];
        sessions.sort_by_key(|session| std::cmp::Reverse(session.place()));
        let mut listed = Vec::new();
        let mut phase = Some(Phase::default());
        while let Some(part) = phase {
            let shown = sessions.iter().filter(|session| part.shows(session.attention(Some(0))));
            listed.extend(shown.map(|session| session.title.as_str()));
            phase = part.next();
        }
        assert_eq!(listed, ["2", "1", "7", "5", "9", "8"]);
    }

    #[test]
    fn what_is_unread_is_newer_than_the_readers_mark() {
        let session = at(0, ExecutionState::Idle, 3);
        let seen = [None, Some(0), Some(2), Some(3), Some(4)].map(|mark| session.attention(mark));
        use Attention::{Read, Unread};
        assert_eq!(seen, [Read, Unread, Unread, Read, Read]);
    }

    #[test]
    fn filters_show_what_they_say() {
        use ExecutionState::{Idle, Running, Terminal};
        let sessions = [at(1, Idle, 0), at(2, Idle, 1), at(3, Running, 1), at(4, Terminal, 0), at(5, Terminal, 1)];
        let shown = |filter: &str, mark| {
            let filter: SessionFilter = serde_json::from_value(json!(filter)).unwrap();
            let shown = sessions.iter().filter(|session| filter.shows(session, mark));
            shown.map(|session| session.title.as_str()).collect::<String>()
        };
        for (filter, with_reader, without) in [
            ("default", "1235", "123"),
            ("running", "3", "3"),
            ("unread", "235", ""),
            ("terminal", "45", "45"),
            ("idle", "12", "12"),
            ("all", "12345", "12345"),
        ] {
            assert_eq!((shown(filter, Some(0)), shown(filter, None)), (with_reader.into(), without.into()), "{filter}");
        }
        assert!(serde_json::from_value::<SessionFilter>(json!("some")).is_err());
    }
}
