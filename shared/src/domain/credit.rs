//! Credit that users earn.

use serde::{Deserialize, Serialize};

use super::User;
use errand::{Effect, Entity, Expect, Id, Patch, Relations, Timestamp, parent};

/// Why a user's credits rose; one for each key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreditEvent {
    /// Whose credits.
    pub user_id: Id,
    /// By how much.
    pub amount: i64,
    /// What for.
    pub reason: String,
}

impl CreditEvent {
    /// Gives the credit, once for each `key`: if the event is there already, nothing happens.
    pub fn effect(&self, key: &Id, now: Timestamp) -> Effect {
        let add = [("credits".to_owned(), self.amount)].into();
        let credit = Effect::patch(User::kind(), self.user_id.clone(), Patch { add, ..Patch::default() }, Expect::Any);
        self.put(key, now, Expect::Absent).with(credit).or_skip()
    }
}

impl Entity for CreditEvent {
    const KIND: &'static str = "credit_event";

    fn relations(&self, place: &str) -> Relations {
        parent(&self.user_id, place)
    }
}
