//! What the relay has counted, folded into the counters.

use errand::{
    App, StoreError, Timestamp,
    spi::{poller::MARGIN, redact::chain},
};
use errand_aws::relay::{Deltas, fold};
use tracing::{debug, error};

/// Folds what the relay has counted, until shortly before `deadline`. An error leaves the rest to the next time.
pub async fn count(app: &App, deltas: &dyn Deltas, deadline: Option<Timestamp>) -> Result<(), StoreError> {
    let folded = fold(deltas, &*app.clock, deadline.map(|at| at - MARGIN)).await;
    let folded = folded.inspect_err(|problem| error!(error = %chain(problem), "the counters stand still"))?;
    if folded > 0 {
        debug!(folded, "counted");
    }
    Ok(())
}
