//! Every minute (every second on one machine): looks after what is due, and leaves word that it did. On AWS it also
//! folds what the relay has counted into the counters.

#[cfg(feature = "lambda")]
mod count;
#[cfg(feature = "lambda")]
mod run;

use std::time::Duration;

use errand::{
    app::App,
    clock::Timestamp,
    meter,
    poller::{PollReport, first_shard, mark, poll, post},
    queue::QueueName,
};
use tracing::{info, warn};

#[cfg(feature = "lambda")]
pub use count::count;

#[cfg(feature = "lambda")]
pub use run::run;

/// The queues this function uses. It sends hints and dead letters.
pub const QUEUES: &[QueueName] = &QueueName::WORK_AND_DEAD_LETTER;

/// What is kept before the deadline to end cleanly in.
const MARGIN: Duration = Duration::from_secs(5);

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
        meter::polled(polled.report.oldest_due_s);
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
