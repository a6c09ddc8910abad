//! What a user should hear of: adding to it, and what comes first.

use std::cmp::Reverse;

use serde_json::json;

use crate::domain::{PriorityStatus, UserPriority};
use errand::{Effect, Entity, Expect, Failure, Id, Name, Outcome, Stored, TaskContext};

/// An active priority of `user` about an item.
pub(super) fn priority(user: &Id, item_type: &'static str, item_id: &Id, rank: u32, value_score: u32) -> UserPriority {
    let (user_id, item_type, item_id) = (user.clone(), Name::of(item_type), item_id.clone());
    UserPriority { user_id, item_type, item_id, rank, value_score, status: PriorityStatus::Active }
}

/// Completes by adding `priority`; there already, whatever its status: skipped.
pub(super) async fn offer(task: &TaskContext<'_>, priority: &UserPriority) -> Result<Outcome, Failure> {
    let UserPriority { user_id, item_type, item_id, .. } = priority;
    let id = UserPriority::id_of(user_id, item_type, item_id);
    if task.get::<UserPriority>(&id).await?.is_some() {
        let item = item_type.as_str().replace('_', " ");
        return Ok(Outcome::skipped(format!("user {user_id} has a priority about {item} {item_id} already")));
    }
    let output = json!({"priority_id": id, "rank": priority.rank, "value_score": priority.value_score});
    Ok(Outcome::Complete { output, effects: vec![add(task, priority)] })
}

/// Adds `priority`, if it is not there.
pub(super) fn add(task: &TaskContext<'_>, priority: &UserPriority) -> Effect {
    let id = UserPriority::id_of(&priority.user_id, &priority.item_type, &priority.item_id);
    priority.put(&id, task.now(), Expect::Absent).or_skip()
}

/// A user's active priorities, the first first.
pub(super) async fn active(task: &TaskContext<'_>, user: &Id) -> Result<Vec<Stored<UserPriority>>, Failure> {
    let mut active = task.children::<UserPriority>(user, 1000).await?;
    active.retain(|p| p.value.status == PriorityStatus::Active);
    active.sort_by_key(|p| (p.value.rank, Reverse(p.value.value_score)));
    Ok(active)
}
