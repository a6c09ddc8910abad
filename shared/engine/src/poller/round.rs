//! One round of the poller: poll, post what is owed, leave word of it.

use std::time::Duration;

use tracing::{info, warn};

use super::{PollReport, first_shard, mark, poll, post};
use crate::{app::App, clock::Timestamp};

/// What is kept before the deadline to end cleanly in.
pub const MARGIN: Duration = Duration::from_secs(5);

/// Polls once, then posts what the webhook is owed. `deadline`: when Lambda stops this process.
pub async fn handle(app: &App, deadline: Option<Timestamp>) -> PollReport {
    let deadline = deadline.map(|at| at - MARGIN);
    let report = look(app, deadline).await;
    let posted = post(app, deadline).await;
    PollReport { failed: report.failed + posted.refused + posted.failed, ..report }
}

/// Polls once, and leaves the posting to somebody else.
pub async fn look(app: &App, deadline: Option<Timestamp>) -> PollReport {
    let first = first_shard(app).await;
    let polled = poll(app, first, deadline).await;
    tell(&polled.report);
    if polled.report.complete || polled.report.acted() > 0 {
        app.meter.polled(polled.report.oldest_due_s);
    }
    mark(app, &polled).await;
    polled.report
}

fn tell(report: &PollReport) {
    let PollReport { notified, reaped, expired, dead_letters, published, set_aside, failed, oldest_due_s, complete } =
        report;
    if !complete {
        warn!(
            notified,
            reaped,
            expired,
            dead_letters,
            published,
            set_aside,
            failed,
            oldest_due_s,
            "the poll did not come to its end; the next one goes on"
        );
    } else if *report != (PollReport { complete: true, ..PollReport::default() }) {
        info!(notified, reaped, expired, dead_letters, published, set_aside, failed, oldest_due_s, "polled");
    }
}
