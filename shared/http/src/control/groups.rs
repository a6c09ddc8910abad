//! A group is called off.

use errand::{App, spi::gather::cancel_group};

use crate::{Answer, ApiError, Request, groups::GroupView};

/// `POST /v1/groups/{id}/cancel`: one that is over answers as it is.
pub(crate) async fn cancel(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let group = cancel_group(app, &request.caller.tenant, request.group_id()?).await?;
    let group = group.ok_or_else(|| ApiError::not_found("no such group"))?;
    Ok(Answer::json(200, &GroupView::from(group)))
}
