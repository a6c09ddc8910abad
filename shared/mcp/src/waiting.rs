//! How a call waits for a task, where there is something that tells of changes: on one machine.

use std::time::Duration;

use errand::Status;
use errand_http::ApiError;
use serde_json::Value;
use tokio::{sync::watch, time};

use crate::api::Api;

/// How soon a task is looked at again while something changes all the time.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What tells of changes. Without one nobody waits: on AWS, where a call that waits is paid for.
#[derive(Clone, Debug)]
pub struct TaskWatch {
    /// Changes when a task may have.
    pub changed: watch::Receiver<()>,
    /// Becomes true when the server stops.
    pub stop: watch::Receiver<bool>,
}

impl TaskWatch {
    /// The task `id` once it has ended or, if it has not within this time, as it is.
    pub(crate) async fn for_task(
        waiting: Option<&Self>,
        within: Duration,
        (api, id): (&Api<'_>, &str),
    ) -> Result<Value, ApiError> {
        let Some(Self { mut changed, mut stop }) = waiting.cloned() else { return api.task(id).await };
        let patience = time::sleep(within);
        tokio::pin!(patience);
        loop {
            changed.mark_unchanged();
            let task = api.task(id).await?;
            let status = task.get("status").and_then(Value::as_str);
            if Status::ALL.iter().any(|of| of.is_ended() && Some(of.as_str()) == status) {
                return Ok(task);
            }
            let told = async {
                let told = changed.changed().await.is_ok();
                time::sleep(LOOK_AGAIN).await;
                told
            };
            tokio::select! {
                told = told => if !told { return Ok(task) },
                () = &mut patience => return Ok(task),
                _ = stop.wait_for(|stop| *stop) => return Ok(task),
            }
        }
    }
}
