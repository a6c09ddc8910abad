//! Failed tasks: which of them are asked for, and a page of those.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use errand::{
    clock::Timestamp,
    ids::Name,
    json::cut,
    lifecycle::{FailureKind, State, Task},
    store::{Bucket, Filter, ListQuery, Listing, Page, Position, Store, StoreError},
};

/// Which failed tasks of a queue. What is absent does not matter, but for queue and project: `default` then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct DeadLetterFilter {
    /// The project their queue is in.
    #[serde(default)]
    pub project: Option<Name>,
    /// Their queue.
    #[serde(default)]
    pub queue: Option<Name>,
    /// Only this lane.
    #[serde(default)]
    pub lane: Option<Name>,
    /// Only this task type.
    #[serde(default)]
    pub r#type: Option<Name>,
    /// Only what failed of this.
    #[serde(default)]
    pub failure_kind: Option<FailureKind>,
    /// Only what ended after this.
    #[serde(default)]
    pub ended_after: Option<Timestamp>,
    /// Only what ended before this.
    #[serde(default)]
    pub ended_before: Option<Timestamp>,
}

/// The failed tasks that a filter names, newest end first.
#[derive(Clone, Debug)]
pub struct DeadLetters(ListQuery);

impl DeadLetters {
    /// Those of `tenant`.
    pub fn of(tenant: Name, filter: DeadLetterFilter) -> Self {
        let listing = Listing::Queue {
            project: filter.project.unwrap_or_default(),
            queue: filter.queue.unwrap_or_default(),
            bucket: Bucket::Failed,
        };
        let filter = Filter {
            lane: filter.lane,
            task_type: filter.r#type,
            failure_kind: filter.failure_kind,
            ended_after: filter.ended_after,
            ended_before: filter.ended_before,
            ..Filter::default()
        };
        Self(ListQuery { tenant, listing, filter })
    }

    /// Those after `after`, at most `limit`. What ended outside the times asked for is not even looked at: a page may
    /// be short because of the other filters alone.
    pub async fn page(
        &self,
        store: &dyn Store,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        let newest = self.0.filter.ended_before.map(Position::ended_before);
        let after = after.into_iter().chain(newest).min();
        let page = store.list(&self.0, after, limit).await?;
        let oldest = self.0.filter.ended_after;
        let next = page.next.filter(|next| oldest.is_none_or(|oldest| next.parts().1 > oldest));
        Ok(Page { next, ..page })
    }
}

/// The longest start of a failure's message that a dry run shows, in bytes.
const MESSAGE_BYTES: usize = 256;

/// A failed task in short, as a dry run shows it: a thousand of them fit one answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeadLetterView {
    /// Which task.
    pub id: Uuid,
    /// Its type.
    pub task_type: Name,
    /// Its lane.
    pub lane: Name,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How often it was claimed.
    pub executions: u32,
    /// How often it was set going again already.
    pub redrives: u32,
    /// What sort of thing went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_kind: Option<FailureKind>,
    /// The start of what was said of it.
    pub message: String,
}

impl From<&Task> for DeadLetterView {
    fn from(task: &Task) -> Self {
        let failure = match &task.state {
            State::Failed { failure } => Some(failure),
            _ => None,
        };
        Self {
            id: task.key.id,
            task_type: task.task_type.clone(),
            lane: task.lane.clone(),
            ended_at: task.ended_at,
            executions: task.executions,
            redrives: task.redrives,
            failure_kind: failure.map(|failure| failure.kind),
            message: failure.map_or("", |failure| cut(&failure.message, MESSAGE_BYTES)).to_owned(),
        }
    }
}

/// What a redrive did, or on a dry run would do.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Redriven {
    /// Tasks set going again.
    pub done: usize,
    /// Tasks that had failed when they were listed, and were no longer so, or of another failure, when it came to it.
    pub skipped: usize,
    /// Where the next call goes on; null at the end.
    pub cursor: Option<String>,
    /// On a dry run: how many would be redriven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<usize>,
    /// On a dry run: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<DeadLetterView>>,
}
