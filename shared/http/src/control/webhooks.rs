//! Webhooks are named, given other secrets, and given up.

use errand::{
    App,
    spi::{
        listener::Webhooks,
        outbox::{Hook, MOST_WEBHOOKS, Named, name_webhook, remove_webhook, renew_secret},
    },
};

use crate::{Answer, ApiError, Request, RotateRequest, WebhookRequest, WebhookView};

/// The most bytes of a webhook's URL.
const URL_BYTES: usize = 2048;

/// `PUT /v1/webhooks/{id}`: 201, with its secret, if it is new.
pub(crate) async fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let WebhookRequest { url, types } = request.json()?;
    let id = request.path_id("id")?;
    let serving = serving(app)?;
    if url.len() > URL_BYTES {
        return Err(ApiError::invalid("url", format!("expected at most {URL_BYTES} bytes")));
    }
    serving.admit(&url).map_err(|why| ApiError::invalid("url", why))?;
    let secret = |of: &_| serving.new_secret(of).map_err(unavailable);
    match name_webhook(app, (&request.caller.tenant, &id), (url, types), secret).await? {
        Named::New(hook, secret) => Ok(Answer::json(201, &WebhookView::of(hook, Some(secret)))),
        Named::Changed(hook) => Ok(Answer::json(200, &WebhookView::of(hook, None))),
        Named::TooMany => Err(ApiError::conflict(format!("there are {MOST_WEBHOOKS} webhooks, as many as may be"))),
    }
}

/// `POST /v1/webhooks/{id}/rotate-secret`: the answer shows the new secret, this once.
pub(crate) async fn rotate(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let overlap = request.json::<RotateRequest>()?.overlap()?;
    let id = request.path_id("id").map_err(|_| missing())?;
    let serving = serving(app)?;
    let secret = |hook: &Hook| serving.renewed(&hook.record.key, hook.sealed(), overlap).map_err(unavailable);
    let renewed = renew_secret(app, (&request.caller.tenant, &id), secret).await?;
    let (hook, shown) = renewed.ok_or_else(missing)?;
    Ok(Answer::json(200, &WebhookView::of(hook, Some(shown))))
}

fn serving(app: &App) -> Result<&dyn Webhooks, ApiError> {
    let none = "this installation has no key to keep a webhook's secret by; see docs/operations.md";
    app.listeners.webhooks.as_deref().ok_or_else(|| ApiError::conflict(none))
}

fn unavailable(why: String) -> ApiError {
    ApiError::new(503, "unavailable", why)
}

fn missing() -> ApiError {
    ApiError::not_found("no such webhook")
}

/// `DELETE /v1/webhooks/{id}`: what it has not taken is given up.
pub(crate) async fn remove(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let id = request.path_id("id").map_err(|_| missing())?;
    let removed = remove_webhook(app, &request.caller.tenant, &id).await?.ok_or_else(missing)?;
    Ok(Answer::json(200, &WebhookView::of(removed, None)))
}
