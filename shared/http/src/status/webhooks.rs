//! The webhooks there are.

use errand::{App, spi::outbox};

use crate::{Answer, ApiError, Listed, Request, WebhookView};

/// `GET /v1/webhooks`: all of the tenant's, by id.
pub(crate) async fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let hooks = outbox::webhooks(app, &request.caller.tenant).await?;
    let views = hooks.into_iter().map(|hook| WebhookView::of(hook, None)).collect();
    Ok(Answer::json(200, &Listed::new(views, None)))
}

/// `GET /v1/webhooks/{id}`.
pub(crate) async fn webhook(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let missing = || ApiError::not_found("no such webhook");
    let id = request.path_id("id").map_err(|_| missing())?;
    let hook = outbox::webhook(app, &request.caller.tenant, &id).await?.ok_or_else(missing)?;
    Ok(Answer::json(200, &WebhookView::of(hook, None)))
}
