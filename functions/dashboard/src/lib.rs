//! The dashboard's files, for everybody: `GET /`, and what the page loads. Who asks for what is behind `/v1` is asked there.

#[cfg(feature = "lambda")]
mod run;
mod settings;
#[cfg(test)]
mod tests;

use aws_lambda_events::{
    apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    encodings::Body,
};
use errand_http::{Answer, ApiError, dashboard::Site};
use http::{HeaderMap, HeaderValue, StatusCode, header};

#[cfg(feature = "lambda")]
pub use run::run;
pub use settings::read;

/// The route of the page.
pub const PAGE: &str = "GET /";

/// The route of what it loads.
pub const FILES: &str = "GET /dashboard/{file+}";

/// Answers either route with a file of `site`, or that there is none.
pub fn answer(site: &Site, event: &ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let found = path(event).and_then(|path| site.file(&path, &event.headers));
    let mut response = ApiGatewayV2httpResponse::default();
    if let Some(file) = found {
        let (parts, content) = file.into_parts();
        response.status_code = parts.status.as_u16().into();
        response.headers = parts.headers;
        // API Gateway takes it out of base64 again: what is compressed is no text.
        response.body = Some(Body::Binary(content.to_vec()));
        response.is_base64_encoded = true;
    } else {
        let error = ApiError::not_found("the dashboard has no such file; see /");
        let request_id = event.request_context.request_id.as_deref().unwrap_or_default();
        response.status_code = StatusCode::NOT_FOUND.as_u16().into();
        response.headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        response.body = Some(Body::Text(Answer::error(&error, request_id).body));
    }
    response
}

/// The path that is asked for, as it is below the API's own: a stage, or a domain that leads here by a path, comes before it.
fn path(event: &ApiGatewayV2httpRequest) -> Option<String> {
    match event.route_key.as_deref()? {
        PAGE => Some("/".to_owned()),
        FILES => Some(format!("/dashboard/{}", event.path_parameters.get("file")?)),
        _ => None,
    }
}
