//! Every minute (every second on one machine): looks after what is due, and leaves word that it did. On AWS it also
//! folds what the relay has counted into the counters.

use std::time::Duration;

use shared::{
    app::App,
    clock::Timestamp,
    meter,
    poller::{PollReport, first_shard, mark, poll, post},
    queue::QueueName,
    redact::chain,
    relay::{Deltas, fold},
    store::StoreError,
};
use tracing::{debug, error, info, warn};

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
    meter::polled(&polled.report);
    mark(app, &polled).await;
    polled.report
}

/// Folds what the relay has counted, until shortly before `deadline`. An error leaves the rest to the next time.
pub async fn count(app: &App, deltas: &dyn Deltas, deadline: Option<Timestamp>) -> Result<(), StoreError> {
    let folded = fold(deltas, &*app.clock, deadline.map(|at| at - MARGIN)).await;
    let folded = folded.inspect_err(|problem| error!(error = %chain(problem), "the counters stand still"))?;
    if folded > 0 {
        debug!(folded, "counted");
    }
    Ok(())
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
