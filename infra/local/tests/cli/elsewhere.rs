//! The dashboard of a server elsewhere, served on this machine.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use reqwest::Response;
use serde_json::{Value, json};

use super::{Person, scripts};
use crate::process::{Server, scripted};

/// A dashboard that is served; stopped when dropped.
pub(super) struct Served {
    child: Child,
    url: String,
    token: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    pub(super) fn start(person: &Person, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = person.command(&[&["dashboard"], args].concat());
        let mut child = command.envs(variables.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        let address = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let (url, token) = address.split_once("/#/token?given=").unwrap();
        Self { child, url: url.to_owned(), token: token.to_owned() }
    }

    /// What is answered to its page, or to whoever says these headers.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{}{path}", self.url));
        let said = headers.iter().any(|(name, _)| *name == "authorization");
        let request = if said { request } else { request.bearer_auth(&self.token) };
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(body.to_owned()).send().await.unwrap()
    }

    async fn status(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.ask("GET", path, headers, "").await.status().as_u16()
    }
}

#[tokio::test]
async fn what_the_page_asks_is_passed_on_with_the_token_of_the_server() {
    let server = Server::start(&["--token", "open sesame"]);
    let served = Served::start(&Person::at(&server), &[], &[("ERRAND_TOKEN", "open sesame")]);
    let page = served.ask("GET", "/", &[("authorization", "")], "").await.text().await.unwrap();
    assert!(page.contains("modulepreload") && !page.contains("open sesame"));
    let task = scripted(json!({})).to_string();
    let key = ("idempotency-key", "once");
    for status in [201, 200] {
        let made = served.ask("POST", "/v1/tasks", &[key], &task).await;
        assert_eq!(made.status().as_u16(), status);
        assert_eq!(made.headers()["content-type"], "application/json");
    }
    let listed: Value =
        serde_json::from_str(&served.ask("GET", "/v1/tasks?status=all", &[], "").await.text().await.unwrap()).unwrap();
    assert_eq!(listed["count"], 1);
    let missing = served.ask("GET", "/v1/schedules/none", &[], "").await;
    assert_eq!((missing.status().as_u16(), missing.text().await.unwrap().contains("not_found")), (404, true));
    let followed = served.ask("GET", "/v1/events", &[("accept", "text/event-stream")], "").await;
    assert_eq!(&followed.headers()["content-type"], "text/event-stream");
    drop(server);
    assert_eq!(served.status("/v1/health", &[]).await, 502);
}

#[tokio::test]
async fn it_answers_its_own_page_alone() {
    let server = Server::start(&["--token", "open sesame"]);
    let served = Served::start(&Person::at(&server), &["--token", "open sesame"], &[]);
    assert_eq!(served.status("/v1/health", &[]).await, 200);
    for (name, value, status) in [
        ("authorization", "", 401),
        ("authorization", "Bearer guessed", 401),
        ("authorization", "Bearer open sesame", 401),
        ("host", "evil.example", 403),
        ("origin", "https://evil.example", 403),
        ("origin", "http://127.0.0.1:1", 403),
        ("sec-fetch-site", "same-site", 403),
    ] {
        assert_eq!(served.status("/v1/health", &[(name, value)]).await, status, "{name}: {value}");
    }
}

#[tokio::test]
async fn what_it_passes_on_is_signed_as_it_is_sent() {
    let (url, heard) = scripts::remote().await;
    let person = Person::alone();
    let path = scripts::aws(&person);
    let served = Served::start(&person, &["--url", &url, "--aws-profile", "prod"], &[("PATH", &path)]);
    assert_eq!(
        served.status("/v1/tasks?queue=*&text=a+b", &[("cookie", "secret"), ("x-errand-tenant", "acme")]).await,
        200
    );
    let heard = heard.lock().unwrap();
    let (uri, headers) = &heard[0];
    assert_eq!(uri.to_string(), "/v1/tasks?queue=%2A&text=a%20b");
    assert!(headers["authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential=AKID/"));
    assert_eq!(headers["x-errand-tenant"], "acme");
    assert_eq!(headers.get("cookie"), None);
}
