use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use errand::spi::environment::Environment;
use errand_http::dashboard::SignIn;
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://issuer.example/pool";

/// What API Gateway is answered to a request, as JSON.
fn asked(site: &Site, route: &str, file: Option<&str>, accepted: &str) -> Value {
    let event = json!({"version": "2.0", "routeKey": route, "rawPath": "/stage/whatever", "headers": {"accept-encoding": accepted},
        "pathParameters": file.map(|file| json!({"file": file})), "requestContext": {"requestId": "r-1", "http": {"method": "GET"}}});
    serde_json::to_value(answer(site, &serde_json::from_value(event).unwrap())).unwrap()
}

fn text(answer: &Value) -> String {
    assert_eq!(answer["isBase64Encoded"], true, "{answer}");
    String::from_utf8(STANDARD.decode(answer["body"].as_str().unwrap()).unwrap()).unwrap()
}

fn environment(given: &[(&str, &str)]) -> Environment {
    let given: BTreeMap<String, String> = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Environment::of(move |name| given.get(name).cloned())
}

/// Where somebody may sign in, with these variables besides.
fn with(more: &[(&str, &str)]) -> Result<Option<SignIn>, String> {
    let given =
        [("ERRAND_JWT_ISSUER", ISSUER), ("ERRAND_JWT_AUDIENCE", "api"), ("ERRAND_DASHBOARD_CLIENT_ID", "dashboard")];
    read(&environment(&[&given[..], more].concat())).map_err(|error| error.to_string())
}

#[test]
fn the_page_and_all_that_it_loads_is_served() {
    let site = Site::new(None);
    let page = asked(&site, "GET /", None, "gzip");
    assert_eq!((&page["statusCode"], &page["headers"]["cache-control"]), (&json!(200), &json!("no-cache")));
    assert_eq!(page["headers"]["content-type"], "text/html; charset=utf-8");
    let html = text(&page);
    let named: Vec<&str> = html.split('"').filter_map(|part| part.strip_prefix("dashboard/")).collect();
    for file in &named {
        let answer = asked(&site, "GET /dashboard/{file+}", Some(file), "gzip");
        assert_eq!(answer["statusCode"], 200, "{file}");
        assert!(answer["headers"]["cache-control"].as_str().unwrap().contains("immutable"), "{file}");
        text(&answer);
    }
    assert!(named.len() > 20);
}

#[test]
fn who_takes_it_gets_it_compressed() {
    let site = Site::new(None);
    let (plain, compressed) = (asked(&site, "GET /", None, "gzip"), asked(&site, "GET /", None, "deflate"));
    assert_eq!(plain["headers"].get("content-encoding"), None);
    assert_eq!(compressed["headers"]["content-encoding"], "deflate");
    let bytes = |answer: &Value| STANDARD.decode(answer["body"].as_str().unwrap()).unwrap();
    assert!(bytes(&compressed).len() < bytes(&plain).len() / 2);
    assert_eq!(compressed["headers"]["vary"], "accept-encoding");
}

#[test]
fn nothing_else_is_there() {
    let site = Site::new(None);
    for (route, file) in [
        ("GET /dashboard/{file+}", Some("app.js")),
        ("GET /dashboard/{file+}", Some("../index.html")),
        ("GET /dashboard/{file+}", None),
        ("GET /v1/health", None),
        ("$default", None),
    ] {
        let answer = asked(&site, route, file, "");
        assert_eq!(
            (&answer["statusCode"], &answer["isBase64Encoded"]),
            (&json!(404), &json!(false)),
            "{route} {file:?}"
        );
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["error"]["code"], &body["error"]["request_id"]), (&json!("not_found"), &json!("r-1")));
    }
}

#[test]
fn the_page_says_where_to_sign_in_if_it_is_told() {
    assert!(read(&environment(&[("ERRAND_JWT_ISSUER", ISSUER)])).unwrap().is_none());
    assert!(!text(&asked(&Site::new(None), "GET /", None, "")).contains("errand-sign-in"));
    let told = with(&[("ERRAND_DASHBOARD_CONNECT", "https://login.example")]).unwrap();
    let page = asked(&Site::new(told.as_ref()), "GET /", None, "");
    assert!(text(&page).contains("<meta name=\"errand-sign-in\" content=\"{"));
    let policy = page["headers"]["content-security-policy"].as_str().unwrap();
    assert!(policy.contains("connect-src 'self' https://issuer.example https://login.example; "), "{policy}");
    let scopes = |told: Option<SignIn>| told.unwrap().scopes;
    assert_eq!(scopes(with(&[]).unwrap()), "openid");
    assert_eq!(scopes(with(&[("ERRAND_DASHBOARD_SCOPES", "openid a/read")]).unwrap()), "openid a/read");
}

#[test]
fn what_could_get_into_the_header_is_refused_at_the_start_and_named() {
    for (name, value) in [
        ("ERRAND_DASHBOARD_CONNECT", "https://a; script-src *"),
        ("ERRAND_DASHBOARD_CONNECT", "https://a *"),
        ("ERRAND_DASHBOARD_CONNECT", "https://a\r\nset-cookie: a=b"),
        ("ERRAND_DASHBOARD_CONNECT", "http://elsewhere.example"),
        ("ERRAND_JWT_ISSUER", "https://issuer.example;script-src"),
        ("ERRAND_JWT_ISSUER", "http://issuer.example"),
        ("ERRAND_JWT_ISSUER", "issuer.example"),
    ] {
        let said = with(&[(name, value)]).unwrap_err();
        assert!(said.starts_with(&format!("the environment variable {name} is {value:?}: ")), "{said}");
        assert!(said.contains("is no origin: expected https://host"), "{said}");
    }
    for name in ["ERRAND_JWT_ISSUER", "ERRAND_JWT_AUDIENCE"] {
        assert_eq!(with(&[(name, "")]).unwrap_err(), format!("the environment variable {name} is not set"));
    }
}
