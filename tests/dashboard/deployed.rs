//! The page as it is deployed on AWS: its function's answers, and `/v1` behind an API that takes the tokens of an issuer.

use std::sync::Arc;

use ::dashboard::{FILES, PAGE, answer};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
    routing::{any, get},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use errand_http::dashboard::{Origins, SignIn, Site};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    issuer::{AUDIENCE, CLIENT, Issuer, SCOPES},
    stage::Stage,
};

/// What the server behind the API takes.
const TOKEN: &str = "of the server";

/// See the module.
pub(super) struct Deployed {
    pub(super) stage: Stage,
    pub(super) issuer: Issuer,
    /// Where the page is.
    pub(super) url: String,
}

/// What stands for API Gateway.
#[derive(Clone)]
struct Gateway {
    site: Arc<Site>,
    issuer: Issuer,
    server: String,
    http: reqwest::Client,
}

impl Deployed {
    /// Where the page may ask the issuer's token endpoint.
    pub(super) async fn new() -> Self {
        Self::with(|issuer| issuer.elsewhere.parse().unwrap()).await
    }

    pub(super) async fn with(connect: impl Fn(&Issuer) -> Origins) -> Self {
        let (stage, issuer) = (Stage::with(Some(TOKEN), false).await, Issuer::start().await);
        let site = Site::new(Some(&SignIn {
            issuer: issuer.url.parse().unwrap(),
            client_id: CLIENT.to_owned(),
            scopes: SCOPES.to_owned(),
            audience: AUDIENCE.to_owned(),
            connect: connect(&issuer),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let http = reqwest::Client::new();
        let gateway = Gateway { site: Arc::new(site), issuer: issuer.clone(), server: stage.url.clone(), http };
        let routes = Router::new()
            .route("/", get(page))
            .route("/dashboard/{*file}", get(page))
            .route("/v1/{*path}", any(api))
            .with_state(gateway);
        tokio::spawn(axum::serve(listener, routes).into_future());
        Self { stage, issuer, url }
    }

    /// Opens a view, which may have somebody sign in first.
    pub(super) async fn open(&self, view: &str) {
        self.stage.browser.open(&format!("{}/#/{view}", self.url)).await;
        self.stage.settled().await;
    }

    /// Opens a view, and signs in for it.
    pub(super) async fn sign_in(&self, view: &str) {
        self.open(view).await;
        self.stage.browser.click("form [type=submit]", "Sign in").await;
        self.stage.browser.until("return sessionStorage.token && !document.querySelector('form.card')").await;
        self.stage.settled().await;
    }

    /// What the tab has in this place of its memory.
    pub(super) async fn remembered(&self, name: &str) -> Value {
        self.stage.browser.run(&format!("return sessionStorage.getItem({})", json!(name))).await
    }
}

/// By the function, with the event that API Gateway makes, and its answer read as API Gateway does.
async fn page(State(gateway): State<Gateway>, headers: HeaderMap, request: Request) -> Response<Body> {
    let file = request.uri().path().strip_prefix("/dashboard/");
    let headers: Value = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let event = json!({"version": "2.0", "routeKey": if file.is_some() { FILES } else { PAGE }, "headers": headers,
        "pathParameters": file.map(|file| json!({"file": file})), "requestContext": {"http": {"method": "GET"}}});
    let answered = answer(&gateway.site, &serde_json::from_value(event).unwrap());
    let answered = serde_json::to_value(answered).unwrap();
    let status = u16::try_from(answered["statusCode"].as_u64().unwrap()).unwrap();
    let headers = answered["headers"].as_object().unwrap().iter();
    let response = Response::builder().status(status);
    let response = headers.fold(response, |made, (name, value)| made.header(name, value.as_str().unwrap()));
    let text = answered["body"].as_str().unwrap();
    let is_base64 = answered["isBase64Encoded"] == true;
    let content = if is_base64 { STANDARD.decode(text).unwrap() } else { text.as_bytes().to_vec() };
    response.body(Body::from(content)).unwrap()
}

/// By the server, for whoever has a token that is not over.
async fn api(State(gateway): State<Gateway>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let borne =
        parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().unwrap().strip_prefix("Bearer "));
    if !borne.is_some_and(|token| gateway.issuer.kept().tokens.contains(token)) {
        return (StatusCode::UNAUTHORIZED, r#"{"message":"Unauthorized"}"#).into_response();
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let target = format!("{}{}", gateway.server, parts.uri.path_and_query().unwrap());
    let asked = gateway.http.request(parts.method, target).bearer_auth(TOKEN).body(body);
    let asked = parts
        .headers
        .get(header::CONTENT_TYPE)
        .into_iter()
        .fold(asked, |asked, kind| asked.header(header::CONTENT_TYPE, kind));
    let answered = asked.send().await.unwrap();
    let status = answered.status();
    (status, [(header::CONTENT_TYPE, "application/json")], answered.bytes().await.unwrap()).into_response()
}
