//! HTTP on this machine: each request becomes the event that API Gateway would make of it, for the same functions.

mod body;
mod connections;
mod follow;
mod metrics;
mod page;

use std::{collections::HashMap, slice, sync::Arc, time::Duration};

use aws_lambda_events::{
    apigw::{
        ApiGatewayRequestAuthorizer, ApiGatewayRequestAuthorizerIamDescription,
        ApiGatewayRequestAuthorizerJwtDescription, ApiGatewayV2httpRequest, ApiGatewayV2httpResponse,
    },
    encodings::Body,
};
use axum::{
    Router,
    body::Body as AxumBody,
    extract::{FromRequestParts, Query, RawPathParams, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodFilter, any, get, on},
};
use errand::{App, spi::ids};
use errand_agents::ROUTES;
use errand_http::{
    ApiError, Route,
    gateway::{self, wants_stream},
};
use errand_mcp::Mcp;

use crate::{
    metrics::measured as measure,
    tokens::{Holder, Tokens},
    traces::{traced, tracer},
};
use body::{Bodies, Leave};
pub use connections::serve;
pub use follow::Following;
use follow::follow;
pub use metrics::Measured;
pub use page::{borne, files, from_this_machine, refuse, unauthorized};

/// How much of the server one client, and all of them, may have.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at the same time.
    pub connections: usize,
    /// Of these, from one address.
    pub per_address: usize,
    /// How long the head of a request may take to come, and a connection be idle before it.
    pub idle: Duration,
    /// How long the body of a request may take to come.
    pub body: Duration,
}

impl ConnectionLimits {
    /// So many connections, half of them from one address, each waited for so long at most.
    pub fn of(connections: usize, wait: Duration) -> Self {
        Self { connections, per_address: connections.div_ceil(2), idle: wait, body: wait }
    }
}

/// The tokens one of which a request must bear, if it must.
type Access = Option<Arc<Tokens>>;

/// The routes of the API over `app`, `/mcp`, `/metrics`, and the dashboard. With tokens, every request must bear one, whatever it asks for,
/// but for the routes that are open and the dashboard's files.
pub fn router(
    app: App,
    access: Option<Tokens>,
    limits: &ConnectionLimits,
    following: &Following,
    mcp: Mcp,
    measured: Measured,
) -> Router {
    let (mut router, mut open) = (Router::new(), Router::new());
    let bodies = Bodies::new(limits.body);
    for route in &*ROUTES {
        let (app, bodies, following) = (app.clone(), bodies.clone(), following.clone());
        let method = match route.method {
            "GET" => MethodFilter::GET,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::POST,
        };
        let serve = move |request: Request| {
            let (app, bodies, following) = (app.clone(), bodies.clone(), following.clone());
            async move { answer(app, &bodies, route, following, request).await }
        };
        let of = if route.open { &mut open } else { &mut router };
        *of = std::mem::take(of).route(route.path, on(method, serve));
    }
    let mcp = Arc::new(mcp);
    let serve = move |request: Request| {
        let (app, bodies, mcp) = (app.clone(), bodies.clone(), mcp.clone());
        async move {
            match event(&bodies, format!("{} /mcp", request.method()), request).await {
                Ok((event, _leave)) => response(errand_mcp::serve(&mcp, &app, event).await),
                Err(error) => refuse(&error),
            }
        }
    };
    router = router.route("/mcp", any(serve));
    let counting = measured.metrics.clone();
    router = router.route("/metrics", get(move |request| metrics::page(measured.clone(), request)));
    let no_route = || async { refuse(&ApiError::not_found("no such route; see GET /v1/health")) };
    let no_method = || async {
        let error = ApiError::not_found("this route does not have that method");
        refuse(&ApiError { status: 405, code: "method_not_allowed", ..error })
    };
    let router = router.fallback(no_route).method_not_allowed_fallback(no_method);
    let asked = from_fn_with_state::<_, Access, (State<Access>, Request)>(access.map(Arc::new), authorized);
    let router = router.layer(asked).merge(open).merge(files()).layer(from_fn_with_state(counting, measure));
    match tracer() {
        Some(tracer) => router.layer(from_fn_with_state(tracer, traced)),
        None => router,
    }
}

async fn answer(app: App, bodies: &Bodies, route: &'static Route, following: Following, request: Request) -> Response {
    let (event, _leave) = match event(bodies, route.key(), request).await {
        Ok(read) => read,
        Err(error) => return refuse(&error),
    };
    match route.followed {
        Some(followed) if wants_stream(&event.headers) => follow(app, route, followed, event, following).await,
        _ => response(gateway::serve(&app, slice::from_ref(route), event).await),
    }
}

async fn authorized(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    match authorize(access.as_deref(), &request) {
        Ok(holder) => {
            request.extensions_mut().insert(holder);
            next.run(request).await
        }
        Err(error) => refuse(&error),
    }
}

/// Who asks, if that is said by a token.
type Bearer = Option<Arc<Holder>>;

fn authorize(access: Option<&Tokens>, request: &Request) -> Result<Bearer, ApiError> {
    let headers = request.headers();
    let borne = borne(headers)?;
    match access {
        Some(tokens) => tokens.holder(borne).map(Some).ok_or_else(unauthorized),
        None => from_this_machine(headers).map(|()| None),
    }
}

/// What API Gateway would say of who bears a token: of one for a tenant, as of an issuer's; of one for all, as of a
/// service whose requests are signed.
fn authorizer(holder: &Holder) -> ApiGatewayRequestAuthorizer {
    let mut authorizer = ApiGatewayRequestAuthorizer::default();
    match &holder.tenant {
        Some(tenant) => {
            let rights: Vec<&str> = holder.rights.iter().map(|right| right.as_str()).collect();
            let claims =
                [("tenant", tenant.to_string()), ("sub", holder.principal.clone()), ("scope", rights.join(" "))];
            let mut jwt = ApiGatewayRequestAuthorizerJwtDescription::default();
            jwt.claims = claims.into_iter().map(|(name, claim)| (name.to_owned(), claim)).collect();
            authorizer.jwt = Some(jwt);
        }
        None => {
            let mut iam = ApiGatewayRequestAuthorizerIamDescription::default();
            iam.user_arn = Some(holder.principal.clone());
            authorizer.iam = Some(iam);
        }
    }
    authorizer
}

/// What API Gateway (payload format 2.0) would make of the request.
async fn event(bodies: &Bodies, key: String, request: Request) -> Result<(ApiGatewayV2httpRequest, Leave), ApiError> {
    let (mut parts, body) = request.into_parts();
    let mut event = ApiGatewayV2httpRequest::default();
    event.version = Some("2.0".to_owned());
    event.route_key = Some(key);
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
    let bearer = parts.extensions.get::<Bearer>().and_then(Option::as_deref);
    event.request_context.authorizer = bearer.map(authorizer);
    event.request_context.route_key = event.route_key.clone();
    event.request_context.request_id = Some(ids::fresh().to_string());
    event.request_context.http.method = parts.method;
    let (text, leave) = bodies.read(body).await?;
    event.body = Some(text);
    Ok((event, leave))
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
