//! Which methods are named where something is told of requests.

use axum::http::Method;

static KNOWN: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

/// The name of a method of HTTP. None of any other, which may be any text: who is not let in may ask by it, too.
pub(crate) fn known_method(method: &Method) -> Option<&'static str> {
    KNOWN.iter().find(|known| *known == method).map(Method::as_str)
}
