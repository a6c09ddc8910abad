//! Asking a store again: that is busy or does not answer, or where somebody else was faster.

use std::{future::Future, time::Duration};

use crate::{
    clock::{Clock, Timestamp},
    store::StoreError,
};

/// The longest wait before the second try; doubles with each further one. What is waited is at least half of it, so that
/// those who met do not meet again.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Where it no longer doubles.
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// How often what met another version is decided and committed anew. Whoever comes so far had as many others before it,
/// all of them within moments: it is [`StoreError::Busy`], and tried again later.
pub const MAX_TRIES: usize = 8;

/// What `ask` answers; it is asked again while the store is busy or does not answer, as long as that begins before
/// `until`.
///
/// A commit may be asked for again as it is: where the first try has landed all the same, the store knows its own write.
pub async fn patiently<T, F>(clock: &dyn Clock, until: Timestamp, mut ask: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut longest = FIRST_WAIT;
    loop {
        let wait = longest.mul_f64(1.0 - 0.5 * fastrand::f64());
        match ask().await {
            Err(StoreError::Busy | StoreError::Unavailable(_)) if clock.now() + wait < until => {}
            answer => return answer,
        }
        clock.sleep(wait).await;
        longest = (longest * 2).min(LONGEST_WAIT);
    }
}
