//! Webhooks are named, and given up.

use errand::{
    App,
    spi::outbox::{MOST_WEBHOOKS, Named, name_webhook, remove_webhook},
};

use crate::{Answer, ApiError, Request, WebhookRequest, WebhookView};

/// The most bytes of a webhook's URL.
const URL_BYTES: usize = 2048;

/// `PUT /v1/webhooks/{id}`: 201, with its secret, if it is new.
pub(crate) async fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let WebhookRequest { url, types } = request.json()?;
    let id = request.path_id("id")?;
    let serving = app.listeners.webhooks.as_ref().ok_or_else(|| {
        ApiError::conflict("this installation has no key to keep a webhook's secret by; see docs/operations.md")
    })?;
    if url.len() > URL_BYTES {
        return Err(ApiError::invalid("url", format!("expected at most {URL_BYTES} bytes")));
    }
    serving.admit(&url).map_err(|why| ApiError::invalid("url", why))?;
    let secret = |of: &_| serving.new_secret(of).map_err(|why| ApiError::new(503, "unavailable", why));
    match name_webhook(app, (&request.caller.tenant, &id), (url, types), secret).await? {
        Named::New(hook, secret) => Ok(Answer::json(201, &WebhookView::of(hook, Some(secret)))),
        Named::Changed(hook) => Ok(Answer::json(200, &WebhookView::of(hook, None))),
        Named::TooMany => Err(ApiError::conflict(format!("there are {MOST_WEBHOOKS} webhooks, as many as may be"))),
    }
}

/// `DELETE /v1/webhooks/{id}`: what it has not taken is given up.
pub(crate) async fn remove(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let missing = || ApiError::not_found("no such webhook");
    let id = request.path_id("id").map_err(|_| missing())?;
    let removed = remove_webhook(app, &request.caller.tenant, &id).await?.ok_or_else(missing)?;
    Ok(Answer::json(200, &WebhookView::of(removed, None)))
}
