//! `notify_user_of_priorities`: a digest of what a user should hear of, when they may be spoken to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    priorities,
    quiet::polite_at,
    talk::{self, Words},
};
use crate::domain::{CommunityRequest, CommunityResponse, PriorityStatus, UserPriority};
use errand::{
    Asked, Effect, Failure, FieldError, Handler, Id, Outcome, Stored, TaskContext,
    spi::{
        accept::{check_has_user, check_says_something},
        json::cut,
    },
};

/// Sends the task's user a digest of their first ten active priorities, which are then `presented`. Not in their quiet
/// hours and not within 10 minutes of their last message in the conversation, but after; the reason `urgent` ignores both.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"reason": "daily_digest", "item_count": 2, "max_score": 90}))]
pub struct NotifyUserOfPriorities {
    /// Why now; `urgent` waits for nothing.
    pub reason: String,
    /// The ids of the priorities to speak of; empty: all that are active.
    #[serde(default)]
    pub priorities: Vec<Id>,
    /// How many the sender knew of; carried and not looked at.
    #[serde(default)]
    pub item_count: Option<u32>,
    /// The highest score among them; carried and not looked at.
    #[serde(default)]
    pub max_score: Option<u32>,
}

const URGENT: &str = "urgent";

/// How many priorities a digest speaks of; the others wait for the next.
const ITEMS: usize = 10;

/// How much of a question or response a digest quotes, in bytes.
const QUOTE: usize = 120;

impl Handler for NotifyUserOfPriorities {
    const TYPE: &'static str = "notify_user_of_priorities";
    type State = ();

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        check_has_user(new)?;
        check_says_something("reason", &self.reason)
    }

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let user_id = task.user_id()?;
        let partner = match talk::partner(task, user_id, None).await? {
            Ok(partner) => partner,
            Err(skipped) => return Ok(skipped),
        };
        let mut items = priorities::active(task, user_id).await?;
        items.retain(|item| self.priorities.is_empty() || self.priorities.contains(&item.id));
        if items.is_empty() {
            return Ok(Outcome::skipped(format!("user {user_id} has no active priority to hear of")));
        }
        let now = task.now();
        if self.reason != URGENT {
            let heard = talk::last_heard(task, &partner.conversation.id).await?;
            let polite = polite_at(&partner.user.value, heard, now);
            if polite > now {
                return Ok(Outcome::Snooze(polite.since(now)));
            }
        }
        let left = items.len().saturating_sub(ITEMS);
        items.truncate(ITEMS);
        let mut lines = vec![format!("{}, here is what matters now:", partner.greeting())];
        for (n, item) in items.iter().enumerate() {
            lines.push(format!("{}. {}", n + 1, describe(task, &item.value).await?));
        }
        lines.extend((left > 0).then(|| format!("And {left} more.")));
        let said = partner.say_unless_interrupted(task, Words::text(lines.join("\n")));
        let output = json!({"message_id": said.message_id, "priorities": ids(&items), "left": left});
        let presented = |item: &Stored<UserPriority>| item.set([("status", json!(PriorityStatus::Presented))]);
        let effects: Vec<Effect> = [said.effect].into_iter().chain(items.iter().map(presented)).collect();
        Ok(Outcome::Complete { output, effects })
    }
}

fn ids(items: &[Stored<UserPriority>]) -> Vec<&Id> {
    items.iter().map(|item| &item.id).collect()
}

/// What a priority is about, for the user. What it is about may be gone, or of a kind that is not known here.
async fn describe(task: &TaskContext<'_>, priority: &UserPriority) -> Result<String, Failure> {
    let id = &priority.item_id;
    let known = match priority.item_type.as_str() {
        "community_request" => {
            let request = task.get::<CommunityRequest>(id).await?;
            request.map(|r| format!("A question you may be able to answer: {}", cut(&r.value.question, QUOTE)))
        }
        "community_response" => {
            let response = task.get::<CommunityResponse>(id).await?;
            response.map(|r| format!("An answer to your question: {}", cut(&r.value.text, QUOTE)))
        }
        "response_impact" => {
            let impact = task.get::<CommunityResponse>(id).await?.and_then(|r| r.value.impact);
            Some(impact.map_or("Your answer helped.".to_owned(), |impact| format!("Your answer helped: {impact}")))
        }
        _ => None,
    };
    Ok(known.unwrap_or_else(|| format!("{} {id}", priority.item_type.as_str().replace('_', " "))))
}

#[cfg(test)]
mod tests;
