//! What was said in a session before its newest turns, as its agent is told it again: its user's words as they are, its
//! own answers in short. Stored once, and paid for once, when the session has become long.

use serde::{Deserialize, Serialize};

use crate::StoredTurn;
use errand::{
    Entity, Id, Relations, Timestamp, parent,
    spi::{ids, money::Usd},
};

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recap {
    /// Of which session.
    pub session_id: Id,
    /// In which run it was put in short.
    pub run_id: Id,
    /// What the user said, in order.
    pub said: Vec<Said>,
    /// The short of the answers; empty where no model has made one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub short: String,
    /// How many answers are in neither.
    #[serde(default)]
    pub left_out: u64,
    /// What it cost, if it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Usd>,
    /// When.
    pub at: Timestamp,
}

/// Something that the user said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// To which run.
    pub run_id: Id,
    /// In their words.
    pub text: String,
}

impl Recap {
    /// Of a session of which nothing was put in short.
    pub fn of_nothing(session_id: Id, run_id: Id) -> Self {
        let cost_usd = Some(Usd::ZERO);
        Self {
            session_id,
            run_id,
            said: Vec::new(),
            short: String::new(),
            left_out: 0,
            cost_usd,
            at: Timestamp::default(),
        }
    }

    /// The id of what was put in short before the `nth` turn of `run`.
    pub fn id(run: &Id, nth: u32) -> Id {
        Id::from(ids::derived(&["recap", run.as_str(), &nth.to_string()]))
    }

    /// What the user said, with what they said in `turns`.
    pub fn said_with(&self, turns: &[&StoredTurn]) -> Vec<Said> {
        let said = turns.iter().filter_map(|turn| {
            let text = turn.users_words().filter(|words| !words.is_empty())?;
            Some(Said { run_id: turn.run_id.clone(), text })
        });
        self.said.iter().cloned().chain(said).collect()
    }
}

impl Entity for Recap {
    const KIND: &'static str = "recap";

    fn relations(&self, _: &str) -> Relations {
        parent(&self.session_id, &self.at.to_string())
    }
}
