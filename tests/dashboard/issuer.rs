//! An issuer of tokens: OpenID Connect as far as a page needs it, and strict about what it is asked. Its token endpoint has another
//! origin than itself, as some have.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

/// The page, as it is registered.
pub(super) const CLIENT: &str = "the-dashboard";

/// What it asks for, and for whom.
pub(super) const SCOPES: &str = "openid errand.read";
pub(super) const AUDIENCE: &str = "the-api";

/// What was asked, by its names.
pub(super) type Asked = BTreeMap<String, String>;

/// What it does otherwise than it should, or is to do once.
#[derive(Default)]
pub(super) struct Ways {
    /// Sends people back with these parameters in place of its own.
    pub(super) answers: Asked,
    /// Says to be another one.
    pub(super) says_to_be: Option<String>,
    /// Renews no token.
    pub(super) forgets: bool,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Issuer {
    pub(super) url: String,
    /// The origin of its token endpoint.
    pub(super) elsewhere: String,
    state: Arc<Mutex<Kept>>,
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) ways: Ways,
    /// Of each code, its challenge and where it was sent.
    codes: BTreeMap<String, (String, String)>,
    /// The tokens that are not over.
    pub(super) tokens: BTreeSet<String>,
    refreshes: BTreeSet<String>,
    made: usize,
    /// What each endpoint was asked, by its name.
    pub(super) asked: Vec<(&'static str, Asked)>,
}

impl Issuer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let issuer = Self {
            url: format!("http://127.0.0.1:{port}/pool"),
            elsewhere: format!("http://localhost:{port}"),
            state: Arc::default(),
        };
        let routes = Router::new()
            .route("/pool/.well-known/openid-configuration", get(describe))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/logout", get(logout))
            .with_state(issuer.clone());
        tokio::spawn(axum::serve(listener, routes).into_future());
        issuer
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap()
    }

    /// What this endpoint was asked so far.
    pub(super) fn asked(&self, endpoint: &str) -> Vec<Asked> {
        self.kept().asked.iter().filter(|(of, _)| *of == endpoint).map(|(_, asked)| asked.clone()).collect()
    }

    /// Has every token that there is be over.
    pub(super) fn expire(&self) {
        self.kept().tokens.clear();
    }
}

impl Kept {
    fn name(&mut self, of: &str) -> String {
        self.made += 1;
        format!("{of}-{}", self.made)
    }

    /// Another token, with what renews it once.
    fn tokens(&mut self) -> Value {
        let (token, refresh) = (self.name("access"), self.name("refresh"));
        self.tokens.insert(token.clone());
        self.refreshes.insert(refresh.clone());
        json!({"access_token": token, "token_type": "Bearer", "expires_in": 300, "refresh_token": refresh,
            "id_token": self.name("id")})
    }

    /// What is answered to the form of the token endpoint.
    fn exchange(&mut self, form: &Asked) -> Result<Value, &'static str> {
        let given = |name: &str| form.get(name).map_or("", String::as_str);
        if given("client_id") != CLIENT {
            return Err("invalid_client");
        }
        match given("grant_type") {
            "authorization_code" => {
                let (challenge, redirect) = self.codes.remove(given("code")).ok_or("invalid_grant")?;
                let verifier = given("code_verifier");
                let proves = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge;
                let fits = proves && (43..=128).contains(&verifier.len()) && given("redirect_uri") == redirect;
                if fits { Ok(self.tokens()) } else { Err("invalid_grant") }
            }
            "refresh_token" if !self.ways.forgets && self.refreshes.remove(given("refresh_token")) => Ok(self.tokens()),
            "refresh_token" => Err("invalid_grant"),
            _ => Err("unsupported_grant_type"),
        }
    }
}

/// The parameters of a query or a form.
fn read(text: &str) -> Asked {
    Url::parse(&format!("http://x/?{text}")).unwrap().query_pairs().into_owned().collect()
}

/// What a page of another origin may read.
fn shared(status: StatusCode, answer: &Value) -> Response {
    let headers = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::CONTENT_TYPE, "application/json")];
    (status, headers, answer.to_string()).into_response()
}

async fn describe(State(issuer): State<Issuer>) -> Response {
    let host = issuer.url.trim_end_matches("/pool");
    let said = issuer.kept().ways.says_to_be.clone();
    let description = json!({
        "issuer": said.unwrap_or_else(|| issuer.url.clone()),
        "authorization_endpoint": format!("{host}/authorize"),
        "token_endpoint": format!("{}/token", issuer.elsewhere),
        "end_session_endpoint": format!("{host}/logout"),
        "authorization_response_iss_parameter_supported": true,
    });
    shared(StatusCode::OK, &description)
}

/// Whoever comes is known, and sent back.
async fn authorize(State(issuer): State<Issuer>, RawQuery(query): RawQuery) -> Response {
    let asked = read(&query.unwrap_or_default());
    let mut kept = issuer.kept();
    kept.asked.push(("authorize", asked.clone()));
    let wanted = [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("scope", SCOPES),
        ("audience", AUDIENCE),
        ("code_challenge_method", "S256"),
    ];
    if wanted.iter().any(|(name, value)| asked.get(*name).map(String::as_str) != Some(*value)) {
        return (StatusCode::BAD_REQUEST, format!("no such question: {asked:?}")).into_response();
    }
    let code = kept.name("code");
    kept.codes.insert(code.clone(), (asked["code_challenge"].clone(), asked["redirect_uri"].clone()));
    let mut answer = Asked::from([
        ("code".to_owned(), code),
        ("state".to_owned(), asked["state"].clone()),
        ("iss".to_owned(), issuer.url.clone()),
    ]);
    answer.extend(kept.ways.answers.clone());
    if answer.contains_key("error") {
        answer.remove("code");
    }
    let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut().extend_pairs(answer.iter().filter(|(_, value)| !value.is_empty()));
    Redirect::to(back.as_str()).into_response()
}

async fn token(State(issuer): State<Issuer>, headers: HeaderMap, body: String) -> Response {
    let form = read(&body);
    let mut kept = issuer.kept();
    kept.asked.push(("token", form.clone()));
    let is_form = headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("application/x-www-form-urlencoded");
    assert!(is_form && !headers.contains_key(header::COOKIE));
    match kept.exchange(&form) {
        Ok(tokens) => shared(StatusCode::OK, &tokens),
        Err(error) => shared(StatusCode::BAD_REQUEST, &json!({"error": error})),
    }
}

async fn logout(State(issuer): State<Issuer>, RawQuery(query): RawQuery) -> Redirect {
    let asked = read(&query.unwrap_or_default());
    issuer.kept().asked.push(("logout", asked.clone()));
    Redirect::to(&asked["post_logout_redirect_uri"])
}
