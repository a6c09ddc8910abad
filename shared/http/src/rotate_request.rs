//! How a receiver's secret is changed for another: the same rule for targets of tasks and for webhooks.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::ApiError;

/// The longest that two secrets sign, in seconds.
const MAX_OVERLAP_S: u64 = 7 * 86_400;

/// For how long the secret before goes on signing.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RotateRequest {
    /// In seconds, up to a week; a day if absent.
    #[serde(default = "a_day")]
    #[schemars(range(max = MAX_OVERLAP_S))]
    overlap_s: u64,
}

fn a_day() -> u64 {
    86_400
}

impl RotateRequest {
    /// How long that is, if it may be so long.
    pub fn overlap(&self) -> Result<Duration, ApiError> {
        if self.overlap_s > MAX_OVERLAP_S {
            return Err(ApiError::invalid("overlap_s", format!("expected at most {MAX_OVERLAP_S} seconds")));
        }
        Ok(Duration::from_secs(self.overlap_s))
    }
}
