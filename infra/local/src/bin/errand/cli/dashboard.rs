//! `errand dashboard`: the dashboard of a server elsewhere, served on this machine. What its page asks is passed on with the
//! token of that server, or signed: the page knows neither.

use std::{net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    body::{self, Body},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
    routing::any,
};
use clap::Args;
use errand_client::Remote;
use errand_http::ApiError;
use errand_local::server::{borne, files, from_this_machine, refuse, unauthorized};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::{
    here::{Here, To},
    trouble::Trouble,
};

/// The largest body that is passed on, in bytes: no route takes a larger one.
const LARGEST: usize = 10 * 1024 * 1024;

/// What is passed on of a request's headers.
const ASKED: [HeaderName; 6] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("x-errand-tenant"),
];

/// What is passed on of an answer's.
const ANSWERED: [HeaderName; 4] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION, header::RETRY_AFTER];

/// See [`super::Asked`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand dashboard --url https://api.example.org --aws-profile prod")]
pub(crate) struct Dashboard {
    /// Port of this machine to serve it on; any that is free if absent
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,

    #[command(flatten)]
    to: To,
}

/// Whom is asked, and the hash of the token by which the page is known.
struct Passing {
    remote: Remote,
    token: [u8; 32],
}

impl Dashboard {
    /// Serves until it is stopped.
    pub(crate) async fn run(self) -> Result<(), Trouble> {
        let Here { remote, print } = Here::of(self.to)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        // Two of them: 244 bits that nobody guesses.
        let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        // Behind the `#`, so that it is in no log and no history of addresses that were asked for.
        let address = format!("http://{}/#/token?given={token}", listener.local_addr()?);
        print.note(&format!("the dashboard of {}, until this is stopped (Ctrl-C):", remote.url()));
        print.line(&address)?;
        let passing = Arc::new(Passing { remote, token: Sha256::digest(token).into() });
        let router = Router::new().route("/v1/{*path}", any(pass)).with_state(passing).merge(files());
        Ok(axum::serve(listener, router).await?)
    }
}

async fn pass(State(passing): State<Arc<Passing>>, request: Request) -> Response {
    passing.answer(request).await.unwrap_or_else(|error| refuse(&error))
}

impl Passing {
    async fn answer(&self, request: Request) -> Result<Response, ApiError> {
        from_this_machine(request.headers())?;
        // Compared as hashes: how long that takes tells nothing of the token.
        if Sha256::digest(borne(request.headers())?)[..] != self.token {
            return Err(unauthorized());
        }
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let headers = only(&parts.headers, &ASKED);
        let body = body::to_bytes(body, LARGEST).await.map_err(|error| ApiError::invalid("", error.to_string()))?;
        let body = String::from_utf8(body.into()).map_err(|error| ApiError::invalid("", error.to_string()))?;
        let answer = self.remote.pass(parts.method, target, headers, body).await;
        let answer = answer.map_err(|error| {
            let message =
                format!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default());
            ApiError { status: 502, code: "unreachable", ..ApiError::not_found(message) }
        })?;
        let (status, headers) = (answer.status(), only(answer.headers(), &ANSWERED));
        let mut response = Response::new(Body::new(reqwest::Body::from(answer)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

fn only(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    names.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect()
}
