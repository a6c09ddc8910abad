//! Whom tasks of pushed types are posted to: it answers at once, later, wrongly or not at all, as the seed says.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use errand::spi::clock::{Clock, ManualClock};
use errand_outbound::{Answered, CallError, CallsTargets, NotAllowed};
use reqwest::{
    StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use serde_json::{Value, json};

use crate::pick::Pick;

/// The content type of an answer that says itself how the task ended.
const OUTCOME: &str = "application/vnd.errand.outcome+json";

/// See the module.
#[derive(Clone)]
pub struct Target {
    pub clock: Arc<ManualClock>,
    pub pick: Arc<Mutex<Pick>>,
    /// Whether nothing goes wrong any more.
    pub calm: Arc<AtomicBool>,
    /// What it has answered that it does later: the path of the callback, and the payload.
    pub later: Arc<Mutex<Vec<(String, Value)>>>,
}

/// How whoever did the task of this payload says that it is done.
pub fn done(payload: &Value) -> Value {
    let mut outcome = json!({"status": "completed", "output": payload["name"]});
    if payload["follow"] == true {
        outcome["events"] = json!([{"type": "sim.made"}]);
        outcome["follow_up"] =
            json!([{"task_type": "scripted", "payload": {"mark": payload["name"]}, "user_id": payload["user"]}]);
    }
    outcome
}

#[async_trait]
impl CallsTargets for Target {
    fn admit(&self, _: &Url) -> Result<(), NotAllowed> {
        Ok(())
    }

    async fn post(&self, _: &Url, headers: HeaderMap, body: Vec<u8>, timeout: Duration) -> Result<Answered, CallError> {
        let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (wait_s, fate) = {
            let mut pick = self.pick.lock().unwrap_or_else(PoisonError::into_inner);
            (pick.of_these(&[0, 0, 1, 10]), pick.below(12))
        };
        if self.calm.load(Relaxed) {
            return Ok(says(StatusCode::OK, &done(&payload)));
        }
        if wait_s > 0 {
            self.clock.sleep(Duration::from_secs(wait_s).min(timeout)).await;
        }
        match fate {
            0 => Ok(plain(StatusCode::INTERNAL_SERVER_ERROR)),
            1 => {
                let mut busy = plain(StatusCode::SERVICE_UNAVAILABLE);
                busy.headers.insert(RETRY_AFTER, HeaderValue::from_static("20"));
                Ok(busy)
            }
            2 => Ok(plain(StatusCode::GONE)),
            3 => Err(CallError::Unanswered("it broke off".to_owned())),
            4 => Err(CallError::TimedOut(timeout)),
            5..8 => {
                if let Some(path) = headers.get("errand-callback").and_then(|url| url.to_str().ok()) {
                    let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
                    later.push((path.rsplit('/').next().unwrap_or_default().to_owned(), payload));
                }
                Ok(plain(StatusCode::ACCEPTED))
            }
            8 => Ok(says(StatusCode::OK, &json!({"status": "snoozed", "retry_after_s": 30}))),
            _ => Ok(says(StatusCode::OK, &done(&payload))),
        }
    }
}

fn plain(status: StatusCode) -> Answered {
    Answered { status, headers: HeaderMap::new(), body: Vec::new(), is_cut: false }
}

fn says(status: StatusCode, outcome: &Value) -> Answered {
    let mut answered = plain(status);
    answered.headers.insert(CONTENT_TYPE, HeaderValue::from_static(OUTCOME));
    answered.body = outcome.to_string().into_bytes();
    answered
}
