//! What is served beside the API: the dashboard's files, to whoever asks from this machine or bears a token.

use std::net::IpAddr;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority},
    response::{IntoResponse, Response},
    routing::get,
};
use errand::spi::ids;
use errand_http::{
    Answer, ApiError, dashboard,
    gateway::{is_of_another_site, only},
};

/// What a browser says of who had it ask: another page, of whatever site. It says `none` of its user.
const FETCH_SITE: &str = "sec-fetch-site";

/// The dashboard's files. They are the same for everybody, whoever sent them there: it is what they ask of `/v1` that is
/// guarded.
pub fn files() -> Router {
    Router::new().route("/", get(file)).route("/dashboard/{*path}", get(file))
}

async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let found = dashboard::file(uri.path(), &headers).map(|file| file.map(Body::from));
    found.unwrap_or_else(|| refuse(&ApiError::not_found("the dashboard has no such file; see /")))
}

/// Without a token, whoever reaches the port is trusted; but a page in somebody's browser reaches it too. Any but our own
/// names another origin, or (its name made to point here) a host that is not ours; and the browser says so of what it only
/// loads, such as a picture. A page of another port of this machine is of the same site, but not of our origin. What is not
/// text names nobody we know.
///
/// # Errors
/// `forbidden`, or `invalid` where a header is there twice that must not be.
pub fn from_this_machine(headers: &HeaderMap) -> Result<(), ApiError> {
    let host = only(headers, header::HOST.as_str())?;
    let host =
        host.map_or(Some("localhost"), |host| host.to_str().ok()).and_then(|host| host.parse::<Authority>().ok());
    let host = host.as_ref().map(|authority| authority.host().trim_matches(['[', ']']));
    let ours = host.is_some_and(|host| host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()));
    let of_its_user = headers.get_all(FETCH_SITE).iter().all(|site| site == "none" || site == "same-origin");
    if ours && of_its_user && !is_of_another_site(headers) {
        return Ok(());
    }
    Err(ApiError::forbidden("without a token this server answers only programs on this machine"))
}

/// The token that a request bears; empty if none.
///
/// # Errors
/// `invalid`: it bears two.
pub fn borne(headers: &HeaderMap) -> Result<&str, ApiError> {
    let borne = only(headers, header::AUTHORIZATION.as_str())?.and_then(|value| value.to_str().ok());
    Ok(borne.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default())
}

/// What is answered to one that bears no token that is known.
pub fn unauthorized() -> ApiError {
    let error = ApiError::forbidden("this server demands a token of its own: Authorization: Bearer …");
    ApiError { status: 401, code: "unauthorized", ..error }
}

/// The answer that says what is wrong.
pub fn refuse(error: &ApiError) -> Response {
    let answer = Answer::error(error, &ids::fresh().to_string());
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, json, answer.body).into_response();
    response.headers_mut().extend(answer.retry_after_s.map(|s| (header::RETRY_AFTER, HeaderValue::from(s))));
    response
}
