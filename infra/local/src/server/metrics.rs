//! `GET /metrics`, beside the API and no part of it.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::header,
    response::{IntoResponse, Response},
};
use errand::spi::clock::Clock;
use errand_http::ApiError;

use super::{Bearer, refuse};
use crate::{
    metrics::{CONTENT_TYPE, Metrics},
    sqlite::SqliteStore,
};

/// What is counted and measured, and the store whose levels are shown with it.
#[derive(Clone)]
pub struct Measured {
    /// What is counted as it happens.
    pub metrics: Arc<Metrics>,
    /// What is read when it is asked for.
    pub store: Arc<SqliteStore>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The page, for who may see what all tenants do.
pub(super) async fn page(measured: Measured, request: Request) -> Response {
    let bearer = request.extensions().get::<Bearer>().and_then(Option::as_deref);
    if bearer.is_some_and(|holder| holder.tenant.is_some()) {
        return refuse(&ApiError::forbidden("GET /metrics tells of all tenants, and the token is for one"));
    }
    match measured.metrics.page(&measured.store, measured.clock.now()).await {
        Ok(page) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response(),
        Err(problem) => refuse(&problem.into()),
    }
}
