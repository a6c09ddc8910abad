//! Between API Gateway's HTTP events (payload format 2.0) and the API's requests and answers: what the three HTTP
//! functions and the one-machine server share.

use std::collections::{BTreeMap, HashMap};

use crate::{Answer, ApiError, Caller, Request, Route, TRACE_HEADER};
use aws_lambda_events::{
    apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    encodings::Body,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use errand::{
    App, Name, TraceParent,
    spi::{
        accept::{KEY_FIELD, check_key},
        rights::Scopes,
    },
};
use http::{HeaderMap, HeaderValue, header};
use tracing::{Instrument, info_span};

/// The header by which a trusted service (IAM, or the one machine itself) says for whom it asks.
pub const TENANT_HEADER: &str = "x-errand-tenant";

/// The header that has a request carried out once.
const KEY_HEADER: &str = "idempotency-key";

/// The most parameters a request may have after `?`: no route knows so many.
const MAX_PARAMETERS: usize = 64;

/// The claim of a token that says whose it is.
const TENANT_CLAIM: &str = "tenant";

/// Reads an event. The tenant of a token is its claim, never a field of the request.
fn request(route: &'static str, scopes: &Scopes, mut event: ApiGatewayV2httpRequest) -> Result<Request, ApiError> {
    let body = text_body(&mut event)?;
    let idempotency_key = text_header(&event.headers, KEY_HEADER, KEY_FIELD)?;
    idempotency_key.as_deref().map_or(Ok(()), check_key)?;
    let if_match = text_header(&event.headers, header::IF_MATCH.as_str(), "If-Match")?;
    Ok(Request {
        route,
        caller: caller(&event, scopes)?,
        idempotency_key,
        if_match: if_match.map(|etag| etag.trim_matches('"').to_owned()),
        query: query(&event)?,
        path: event.path_parameters.into_iter().collect(),
        body,
    })
}

/// Answers an event as the one of `routes` does that it asks for.
pub async fn serve(app: &App, routes: &[Route], event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let request_id = event.request_context.request_id.clone().unwrap_or_default();
    let answered = answer(app, routes, event).instrument(info_span!("request", request_id)).await;
    response(answered, &request_id)
}

async fn answer(app: &App, routes: &[Route], event: ApiGatewayV2httpRequest) -> Result<Answer, ApiError> {
    let key = event.route_key.as_deref().unwrap_or_default();
    let route = Route::find(routes, key).ok_or_else(|| ApiError::not_found(format!("no such route: {key}")))?;
    if wants_stream(&event.headers) {
        let message = "nothing is followed as a stream of events here; ask again and again, with the cursor".to_owned();
        return Err(ApiError { status: 406, code: "not_acceptable", ..ApiError::invalid("Accept", message) });
    }
    route.answer(app, &request(route.name, &app.rules.scopes, event)?).await
}

/// Whether a request takes a stream of server-sent events, and no JSON.
pub fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kinds = accepted.flat_map(|accept| accept.split(',')).filter_map(|kind| kind.split(';').next()).map(str::trim);
    let (mut stream, mut json) = (false, false);
    for kind in kinds {
        stream |= kind == "text/event-stream";
        json |= ["application/json", "application/*", "*/*"].contains(&kind);
    }
    stream && !json
}

/// Makes the answer to a request that may have failed.
fn response(answered: Result<Answer, ApiError>, request_id: &str) -> ApiGatewayV2httpResponse {
    let answer = answered.unwrap_or_else(|error| Answer::error(&error, request_id));
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = answer.status.into();
    response.headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    response.headers.extend(answer.retry_after_s.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))));
    response.body = Some(Body::Text(answer.body));
    response
}

/// The header `name`, if there is one. Two of one name are refused: whoever stands before us may have gone by the other.
pub fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h HeaderValue>, ApiError> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(ApiError::invalid(name, "this header is given more than once")),
    }
}

/// Whether a page of another site has a browser ask: it names its origin, and that is not the host that it asks.
pub fn is_of_another_site(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    headers.get_all(header::ORIGIN).iter().any(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        origin.is_none_or(|(_, origin)| Some(origin) != host)
    })
}

/// The parameters after `?`. The event type has taken values apart at their commas; a value may have commas of its own.
fn query(event: &ApiGatewayV2httpRequest) -> Result<BTreeMap<String, String>, ApiError> {
    // As they were sent, since a value's commas make it none the more of them.
    let sent = event.raw_query_string.as_deref().unwrap_or_default();
    let count = sent.split('&').filter(|parameter| !parameter.is_empty()).count();
    if count > MAX_PARAMETERS {
        let message = format!("expected at most {MAX_PARAMETERS} parameters after ?, found {count}");
        return Err(ApiError::invalid("", message));
    }
    let mut query = BTreeMap::<String, String>::new();
    for (name, part) in event.query_string_parameters.iter() {
        if let Some(whole) = query.get_mut(name) {
            whole.extend([",", part]);
        } else {
            query.insert(name.to_owned(), part.to_owned());
        }
    }
    Ok(query)
}

/// Who asks: by the claims of a token, or as a service of the installation's own.
pub fn caller(event: &ApiGatewayV2httpRequest, scopes: &Scopes) -> Result<Caller, ApiError> {
    let request_id = event.request_context.request_id.clone().unwrap_or_default();
    let traceparent = traceparent(&event.headers);
    let authorizer = event.request_context.authorizer.as_ref();
    if let Some(jwt) = authorizer.and_then(|authorizer| authorizer.jwt.as_ref()) {
        let claim = jwt.claims.get(TENANT_CLAIM).map_or("", String::as_str);
        let tenant = Name::new(claim).map_err(|error| {
            ApiError::forbidden(format!("the token's claim `{TENANT_CLAIM}` is no tenant: {error}"))
        })?;
        let principal = jwt.claims.get("sub").cloned().unwrap_or_default();
        let rights = scopes.rights(&scopes_of(&jwt.claims));
        return Ok(Caller { tenant, principal, trusted: false, rights, request_id, traceparent });
    }
    let tenant = only(&event.headers, TENANT_HEADER)?.map(|value| value.to_str().unwrap_or_default());
    let tenant = tenant.map(Name::new).transpose().map_err(|error| ApiError::name(TENANT_HEADER, error))?;
    let iam = authorizer.and_then(|authorizer| authorizer.iam.as_ref()).and_then(|iam| iam.user_arn.clone());
    let principal = iam.unwrap_or_else(|| "local".to_owned());
    Ok(Caller::trusted(tenant.unwrap_or_default(), principal, request_id).traced(traceparent))
}

/// The trace that a request says it belongs to. What is no such header is ignored, as the standard has it; so are two.
pub fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    only(headers, TRACE_HEADER).ok().flatten()?.to_str().ok()?.parse().ok()
}

/// The scopes of a token: the claim `scope` as the standard has it, separated by spaces, or `scp`, a list, which API
/// Gateway hands on as `[a b]`.
fn scopes_of(claims: &HashMap<String, String>) -> Vec<&str> {
    let claims = ["scope", "scp"].into_iter().filter_map(|name| claims.get(name));
    claims.flat_map(|claim| claim.trim_matches(['[', ']']).split_ascii_whitespace()).collect()
}

/// A header that is there and not text is not taken for none: a key or version would silently guard nothing. Errors call
/// it `field`.
pub fn text_header(headers: &HeaderMap, name: &str, field: &str) -> Result<Option<String>, ApiError> {
    let text = only(headers, name)?.map(|value| value.to_str().map(str::to_owned)).transpose();
    text.map_err(|_| ApiError::invalid(field, "expected visible ASCII characters"))
}

/// Takes the body, which must be text.
pub fn text_body(event: &mut ApiGatewayV2httpRequest) -> Result<String, ApiError> {
    let body = event.body.take().unwrap_or_default();
    if !event.is_base64_encoded {
        return Ok(body);
    }
    let bytes = STANDARD.decode(body).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| ApiError::invalid("", "the body is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::mpsc, time::Duration};

    use super::*;

    /// `GET /v1/tasks?…`, the values of its one parameter taken apart as the event type does.
    fn list(raw_query: &str, user_id: Vec<String>) -> ApiGatewayV2httpRequest {
        let mut event = ApiGatewayV2httpRequest::default();
        event.route_key = Some("GET /v1/tasks".to_owned());
        event.raw_query_string = Some(raw_query.to_owned());
        event.query_string_parameters = HashMap::from([("user_id".to_owned(), user_id)]).into();
        event
    }

    fn with_headers(headers: &[(&'static str, &str)]) -> Result<Request, ApiError> {
        let mut event = list("user_id=u", vec!["u".to_owned()]);
        for (name, value) in headers {
            event.headers.append(*name, value.parse().unwrap());
        }
        request("ListTasks", &Scopes::default(), event)
    }

    #[test]
    fn a_header_that_is_there_twice_is_refused() {
        for name in [TENANT_HEADER, KEY_HEADER, "if-match"] {
            assert!(with_headers(&[(name, "a")]).is_ok(), "{name}");
            let refused = with_headers(&[(name, "a"), (name, "a")]).unwrap_err();
            assert_eq!((refused.status, refused.code), (400, "invalid"), "{name}");
        }
        // As API Gateway hands it on.
        assert_eq!(with_headers(&[(TENANT_HEADER, "a,b")]).unwrap_err().field.as_deref(), Some(TENANT_HEADER));
    }

    #[test]
    fn a_stream_is_what_is_wanted_by_whoever_takes_nothing_else() {
        let wants = |accept: &str| wants_stream(&HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]));
        assert!(wants("text/event-stream") && wants("text/html, text/event-stream;q=0.9"));
        assert!(
            !wants("application/json, text/event-stream") && !wants("text/event-stream, */*;q=0.1") && !wants("*/*")
        );
        assert!(!wants_stream(&HeaderMap::new()));
    }

    #[test]
    fn more_parameters_than_any_route_has_are_refused() {
        let sent = |count| {
            request(
                "ListTasks",
                &Scopes::default(),
                list(&vec!["user_id=u"; count].join("&"), vec!["u".to_owned(); count]),
            )
        };
        assert_eq!(sent(MAX_PARAMETERS).unwrap().query["user_id"].len(), 2 * MAX_PARAMETERS - 1);
        let refused = sent(MAX_PARAMETERS + 1).unwrap_err();
        assert_eq!(refused.message, "expected at most 64 parameters after ?, found 65");
    }

    #[test]
    fn a_value_that_was_taken_apart_at_very_many_commas_is_put_together_again() {
        // Long enough that to look at all of it for each of its parts never ends.
        let parts = 1_000_000;
        let (answer, answered) = mpsc::channel();
        std::thread::spawn(move || {
            answer
                .send(
                    request("ListTasks", &Scopes::default(), list("user_id=…", vec!["u".to_owned(); parts]))
                        .unwrap()
                        .query["user_id"]
                        .len(),
                )
                .unwrap();
        });
        assert_eq!(answered.recv_timeout(Duration::from_secs(60)).unwrap(), 2 * parts - 1);
    }
}
