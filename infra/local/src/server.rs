//! HTTP on this machine: each request becomes the event that API Gateway would make of it, for the same functions.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use aws_lambda_events::{
    apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    encodings::Body,
};
use axum::{
    Router,
    body::{Body as AxumBody, to_bytes},
    extract::{FromRequestParts, Query, RawPathParams, Request, State},
    http::{HeaderValue, StatusCode, header, uri::Authority},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use shared::{
    api::{Answer, ApiError, Function, ROUTES, RouteInfo},
    app::App,
    ids,
};

/// A body a little over what the API takes is read, so that its error names the limit.
const READ_BYTES: usize = 6 * 1024 * 1024;

/// The token that requests must bear, if there is one.
type Token = Option<Arc<str>>;

/// The routes of the API over `app`. With a token, every request must bear it, whatever it asks for.
pub fn router(app: App, token: Option<String>) -> Router {
    let mut router = Router::new();
    for info in &ROUTES {
        let app = app.clone();
        let method = match info.method {
            "GET" => MethodFilter::GET,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            _ => MethodFilter::POST,
        };
        let serve = move |request: Request| {
            let app = app.clone();
            async move { serve(&app, info, request).await }
        };
        router = router.route(info.path, on(method, serve));
    }
    let no_route = || async { refuse(&ApiError::not_found("no such route; see GET /v1/health")) };
    let no_method = || async {
        let error = ApiError::not_found("this route does not have that method");
        refuse(&ApiError { status: 405, code: "method_not_allowed", ..error })
    };
    let router = router.fallback(no_route).method_not_allowed_fallback(no_method);
    router.layer(from_fn_with_state::<_, Token, (State<Token>, Request)>(token.map(Arc::from), authorized))
}

async fn serve(app: &App, info: &RouteInfo, request: Request) -> Response {
    let event = match event(info, request).await {
        Ok(event) => event,
        Err(error) => return refuse(&error),
    };
    let answer = match info.function {
        Function::Enqueue => enqueue::http(app, event).await,
        Function::Status => status::http(app, event).await,
        Function::Control => control::http(app, event).await,
    };
    response(answer)
}

async fn authorized(State(token): State<Token>, request: Request, next: Next) -> Response {
    match authorize(token.as_deref(), &request) {
        Ok(()) => next.run(request).await,
        Err(error) => refuse(&error),
    }
}

fn authorize(token: Option<&str>, request: &Request) -> Result<(), ApiError> {
    let Some(token) = token else { return from_this_machine(request) };
    let borne = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let borne = borne.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if same(borne, token) {
        return Ok(());
    }
    let error = ApiError::forbidden("this server demands its token: Authorization: Bearer …");
    Err(ApiError { status: 401, code: "unauthorized", ..error })
}

/// Without a token, whoever reaches the port is trusted; but a page in somebody's browser reaches it too. It names its
/// origin, or (its name made to point here) a host that is not ours.
fn from_this_machine(request: &Request) -> Result<(), ApiError> {
    let named = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = named(header::HOST).unwrap_or("localhost");
    let host = host.parse::<Authority>().map(|authority| authority.host().trim_matches(['[', ']']).to_owned());
    let ours = host.is_ok_and(|host| host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()));
    if ours && named(header::ORIGIN).is_none() {
        return Ok(());
    }
    Err(ApiError::forbidden("without a token this server answers only programs on this machine"))
}

/// Compares without telling by the time it takes how much of a guess was right.
fn same(a: &str, b: &str) -> bool {
    let hash = |text: &str| shared::json::Json::new(&text.into()).hash();
    hash(a) == hash(b)
}

/// What API Gateway (payload format 2.0) would make of the request.
async fn event(info: &RouteInfo, request: Request) -> Result<ApiGatewayV2httpRequest, ApiError> {
    let (mut parts, body) = request.into_parts();
    let mut event = ApiGatewayV2httpRequest::default();
    event.version = Some("2.0".to_owned());
    event.route_key = Some(info.key());
    event.raw_path = Some(parts.uri.path().to_owned());
    event.raw_query_string = parts.uri.query().map(str::to_owned);
    let path = RawPathParams::from_request_parts(&mut parts, &()).await;
    let path = path.map_err(|error| ApiError::invalid("", error.to_string()))?;
    event.path_parameters = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let Query(query) = query.map_err(|error| ApiError::invalid("", error.to_string()))?;
    let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in query {
        by_name.entry(name).or_default().push(value);
    }
    event.query_string_parameters = by_name.into();
    event.headers = parts.headers;
    event.request_context.route_key = event.route_key.clone();
    event.request_context.request_id = Some(ids::fresh().to_string());
    event.request_context.http.method = parts.method;
    let unread = |_| ApiError::too_large("", "the body is larger than a request may be, or broke off");
    let bytes = to_bytes(body, READ_BYTES).await.map_err(unread)?;
    let text = String::from_utf8(bytes.into());
    event.body = Some(text.map_err(|_| ApiError::invalid("", "the body is not UTF-8 text"))?);
    Ok(event)
}

fn response(answer: ApiGatewayV2httpResponse) -> Response {
    let body = match answer.body {
        Some(Body::Text(text)) => AxumBody::from(text),
        Some(Body::Binary(bytes)) => AxumBody::from(bytes),
        _ => AxumBody::empty(),
    };
    let status = u16::try_from(answer.status_code).ok().and_then(|code| StatusCode::from_u16(code).ok());
    (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), answer.headers, body).into_response()
}

fn refuse(error: &ApiError) -> Response {
    let answer = Answer::error(error, &ids::fresh().to_string());
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, json, answer.body).into_response()
}
