//! The dashboard as a browser gets it, and which pages may ask.

use reqwest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN};
use serde_json::json;

use super::process::Server;

/// What is answered to a request with these headers.
async fn asked(server: &Server, method: &str, path: &str, headers: &[(&str, String)]) -> reqwest::Response {
    let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{}{path}", server.url));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.send().await.unwrap()
}

async fn status(server: &Server, method: &str, path: &str, headers: &[(&str, String)]) -> u16 {
    asked(server, method, path, headers).await.status().as_u16()
}

#[tokio::test]
async fn whoever_opens_the_server_gets_the_dashboard_and_all_that_it_loads() {
    // Files are nobody's secret: a token is for what is behind `/v1`.
    for options in [&[][..], &["--token", "open sesame"]] {
        let server = Server::start(options);
        let page = asked(&server, "GET", "/", &[("sec-fetch-site", "cross-site".to_owned())]).await;
        assert_eq!(page.status().as_u16(), 200, "whoever follows a link gets there, too");
        assert!(page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
        let html = page.text().await.unwrap();
        for path in html.split('"').filter(|part| part.starts_with("dashboard/")) {
            let file = asked(&server, "GET", &format!("/{path}"), &[]).await;
            assert_eq!(file.status().as_u16(), 200, "{path}");
            assert_ne!(file.headers()[CONTENT_TYPE], "application/octet-stream", "{path}");
        }
        assert_eq!(status(&server, "HEAD", "/", &[]).await, 200);
        assert_eq!(status(&server, "GET", "/dashboard/none/app.js", &[]).await, 404);
        assert_eq!(status(&server, "POST", "/", &[]).await, 405);
    }
    let server = Server::start(&["--token", "open sesame"]);
    assert_eq!(status(&server, "GET", "/v1/health", &[("sec-fetch-site", "same-origin".to_owned())]).await, 401);
}

#[tokio::test]
async fn the_page_that_we_serve_is_let_in_and_no_other() {
    let server = Server::start(&[]);
    let own = server.url.clone();
    let host = own.strip_prefix("http://").unwrap().to_owned();
    let port = host.rsplit_once(':').unwrap().1;
    let page = |origin: &str, site: &str| vec![("origin", origin.to_owned()), ("sec-fetch-site", site.to_owned())];
    server.put("/v1/task-types/mine", json!({"run": {"kind": "worker"}})).await;
    let removal = "/v1/task-types/mine";
    for (method, path) in [("GET", "/v1/health"), ("POST", "/v1/poll"), ("DELETE", removal)] {
        for refused in [
            // Another site; one that has had its own name point here; our page within a frame of another site.
            page("https://evil.example", "cross-site"),
            [page("http://evil.example", "same-origin"), vec![("host", "evil.example".to_owned())]].concat(),
            page(&own, "cross-site"),
            // Another program of this machine, at another port or by another name of it.
            page("http://127.0.0.1:1", "same-site"),
            page("http://127.0.0.1:1", "same-origin"),
            page(&format!("http://localhost:{port}"), "same-site"),
            // A page that tells nothing of itself, and one that says two things.
            page("null", "same-origin"),
            [page(&own, "same-origin"), page("https://evil.example", "cross-site")].concat(),
            // A name that is none of this machine's, though the page says that it is of it.
            [page("http://errand.example", "same-origin"), vec![("host", "errand.example".to_owned())]].concat(),
        ] {
            assert_eq!(status(&server, method, path, &refused).await, 403, "{method} {path} {refused:?}");
        }
    }
    for (method, path) in [("GET", "/v1/health"), ("POST", "/v1/poll"), ("DELETE", removal)] {
        let answer = asked(&server, method, path, &page(&own, "same-origin")).await;
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json", "{method} {path}");
    }
    let named = format!("localhost:{port}");
    let of_its_name = [(HOST.as_str(), named.clone()), (ORIGIN.as_str(), format!("http://{named}"))];
    assert_eq!(status(&server, "GET", "/v1/health", &of_its_name).await, 200);
}

#[tokio::test]
async fn a_page_of_elsewhere_is_not_told_that_it_may_ask() {
    let server = Server::start(&["--token", "open sesame"]);
    let preflight =
        [("origin", "https://evil.example".to_owned()), ("access-control-request-method", "POST".to_owned())];
    let answer = asked(&server, "OPTIONS", "/v1/tasks", &preflight).await;
    assert!(!answer.status().is_success());
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}
