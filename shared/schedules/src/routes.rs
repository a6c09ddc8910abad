//! What the functions serve of schedules.

use errand::{App, spi::rights::Right};
use errand_http::{Answer, ApiError, Request, Route};

use crate::preview::{Preview, PreviewRequest, preview};

/// The writes, and what is worked out for who asks.
pub fn control() -> Vec<Route> {
    vec![
        Route::post("/v1/schedules/preview", "PreviewSchedule", previewed)
            .needs(Right::Read)
            .answers::<Preview>("When a schedule would fire next, with a word on each change of the clock.")
            .body::<PreviewRequest>(),
    ]
}

async fn previewed(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let asked: PreviewRequest = request.json()?;
    Ok(Answer::json(200, &preview(&asked, &request.caller.tenant, app.clock.now())?))
}
