//! Who was called answers later, by the token that the call carried: that is all the credential there is.

use std::{sync::Arc, time::Duration};

use errand::{
    App, State, Task, Timestamp,
    spi::{
        change::{ChangeError, With, change},
        lifecycle::Trigger,
        store,
    },
};
use errand_http::ApiError;
use errand_outbound::{Callback, Keyring};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    WorkOutcome,
    finish::{NotEnded, end, lost},
    progress::progress,
    push::LEASES_S,
};

/// That who has the task goes on with it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CallbackHeartbeat {
    /// For how many seconds it has the task from now on; 900 if absent.
    #[serde(default = "lease")]
    #[schemars(range(min = LEASES_S.0, max = LEASES_S.1))]
    pub lease_s: u64,
    /// How far it is: any JSON, at most 4 KiB. What was said before stays if absent.
    #[serde(default)]
    pub progress: Option<Value>,
}

fn lease() -> u64 {
    900
}

/// Until when it has the task.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CallbackNews {
    /// Until then.
    pub lease_expires_at: Timestamp,
}

/// Ends the execution that `token` speaks of. The same said again is answered as it was.
pub(crate) async fn finish(app: &App, token: &str, outcome: WorkOutcome) -> Result<Task, ApiError> {
    let Callback { task: key, fence } = read(app, token)?;
    end(app, &key, fence, outcome).await.map_err(|not_ended| match not_ended {
        NotEnded::Gone => gone(),
        NotEnded::Over(task) => over(&task),
        NotEnded::Refused(error) => error,
    })
}

/// Renews the lease of the execution that `token` speaks of.
pub(crate) async fn heartbeat(app: &App, token: &str, beat: &CallbackHeartbeat) -> Result<CallbackNews, ApiError> {
    if !(LEASES_S.0..=LEASES_S.1).contains(&beat.lease_s) {
        let message = format!("expected a number from {} to {}", LEASES_S.0, LEASES_S.1);
        return Err(ApiError::invalid("lease_s", message));
    }
    let Callback { task: key, fence } = read(app, token)?;
    let task = store::task(&*app.store, &key).await?.ok_or_else(gone)?;
    let (lease, progress) = (Some(Duration::from_secs(beat.lease_s)), progress(beat.progress.as_ref())?);
    match change(app, &task, Trigger::Renew { fence, lease, progress }, With::nothing()).await {
        Ok(Task { state: State::Running { lease_expires_at, .. }, .. }) => Ok(CallbackNews { lease_expires_at }),
        Ok(task) => Err(over(&task)),
        Err(ChangeError::Gone) => Err(gone()),
        Err(ChangeError::Rejected(_)) => {
            let task = store::task(&*app.store, &key).await?.ok_or_else(gone)?;
            Err(over(&task))
        }
        Err(error) => Err(error.into()),
    }
}

fn read(app: &App, token: &str) -> Result<Callback, ApiError> {
    let keyring = app.types.state::<Arc<Keyring>>();
    keyring.and_then(|keyring| Callback::read(keyring, token)).ok_or_else(|| ApiError::not_found("no such callback"))
}

/// What is said to whom the task is no longer: it has ended, or is another's, or waits for another try.
fn over(task: &Task) -> ApiError {
    if task.status().is_ended() { gone() } else { lost() }
}

fn gone() -> ApiError {
    ApiError { status: 410, code: "gone", ..ApiError::not_found("the task has ended") }
}
