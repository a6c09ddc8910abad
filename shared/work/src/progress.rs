//! How far the work on a task is, as whoever does it says with a heartbeat.

use errand::{
    FieldError,
    spi::{json::Json, redact},
};
use serde_json::Value;

/// The most bytes that it has, as compact JSON.
pub(crate) const PROGRESS_BYTES: usize = 4 * 1024;

/// What is kept of `said`; nothing where nothing is said. The installation's own secrets are masked, as in an output.
pub(crate) fn progress(said: Option<&Value>) -> Result<Option<Json>, FieldError> {
    let Some(said) = said else { return Ok(None) };
    let mut kept = said.clone();
    redact::own_value(&mut kept);
    let kept = Json::new(&kept);
    if kept.as_str().len() > PROGRESS_BYTES {
        return Err(FieldError::at("progress", format!("expected at most {PROGRESS_BYTES} bytes")));
    }
    Ok(Some(kept))
}
