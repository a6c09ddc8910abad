//! What ended in the last day, as a plot shows it: `GET /v1/history`.

use errand::{
    App, Timestamp,
    spi::store::{Ends, PastDay},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Answer, ApiError, Request};

/// How many of the tenant's tasks ended in the last 24 hours, a number for each minute on one machine and for each hour (UTC)
/// on AWS, oldest first. The last number is of the minute or hour that is not over. What is retried and ends again counts
/// twice.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "History")]
pub(crate) struct HistoryView {
    /// When the first of them begins.
    since: Timestamp,
    /// How many seconds each is of: 60 or 3600.
    bucket_s: u64,
    completed: Vec<u64>,
    failed: Vec<u64>,
    cancelled: Vec<u64>,
}

impl From<PastDay> for HistoryView {
    fn from(history: PastDay) -> Self {
        let each = |of: fn(&Ends) -> u64| history.ends.iter().map(of).collect();
        Self {
            since: history.since,
            bucket_s: history.bucket.as_secs(),
            completed: each(|ends| ends.completed),
            failed: each(|ends| ends.failed),
            cancelled: each(|ends| ends.cancelled),
        }
    }
}

/// Of all the tenant's queues.
pub(crate) async fn answer(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let history = app.store.history(&request.caller.tenant, app.clock.now()).await?;
    Ok(Answer::json(200, &HistoryView::from(history)))
}
