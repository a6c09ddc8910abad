//! Failed tasks: which of them are meant, and a page of those.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    clock::Timestamp,
    ids::Name,
    lifecycle::{FailureKind, Fingerprint, Task},
    store::{Bucket, Filter, ListQuery, Listing, Page, Position, Store, StoreError},
};

/// Which failed tasks of a queue. What is absent does not matter, but for queue and project: `default` then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct DeadLetterFilter {
    /// The project their queue is in.
    #[serde(default)]
    pub project: Option<Name>,
    /// The named list that they stand in.
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
    /// Only what failed of the same.
    #[serde(default)]
    pub fingerprint: Option<Fingerprint>,
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
            fingerprint: filter.fingerprint,
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
