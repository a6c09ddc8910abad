//! What a user should hear of.

use serde::{Deserialize, Serialize};

use errand::{Entity, Id, Name, Relations, parent, spi::ids};

/// Whether a priority still matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriorityStatus {
    /// It does.
    #[default]
    Active,
    /// The user has been told.
    Presented,
    /// It does not any more.
    Closed,
}

/// Something a user should hear of. A user has one for each item: its id follows from what it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserPriority {
    /// Whose.
    pub user_id: Id,
    /// What sort of thing it is about, such as `community_request`.
    pub item_type: Name,
    /// Which.
    pub item_id: Id,
    /// 1 is first.
    pub rank: u32,
    /// 0 to 100.
    pub value_score: u32,
    /// Whether it still matters.
    #[serde(default)]
    pub status: PriorityStatus,
}

impl UserPriority {
    /// The id of `user`'s priority about this item.
    pub fn id_of(user: &Id, item_type: &Name, item_id: &Id) -> Id {
        Id::from(ids::derived(&["priority", user.as_str(), item_type.as_str(), item_id.as_str()]))
    }
}

impl Entity for UserPriority {
    const KIND: &'static str = "priority";

    fn relations(&self, place: &str) -> Relations {
        parent(&self.user_id, place)
    }

    fn only_id(&self) -> Option<Id> {
        Some(Self::id_of(&self.user_id, &self.item_type, &self.item_id))
    }
}
