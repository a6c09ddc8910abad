//! Requests that the keys of an AWS profile sign. What a signature is made of is tested beside it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use axum::http::HeaderMap;
use serde_json::json;

use super::Person;

/// A command `aws` that knows one profile.
const AWS: &str = r#"#!/bin/sh
case "$*" in
"configure export-credentials --format process --profile prod")
    echo '{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "secret", "SessionToken": "session"}' ;;
"configure get region --profile prod") echo eu-central-1 ;;
*) echo "The config profile could not be found" >&2; exit 255 ;;
esac
"#;

#[tokio::test]
async fn a_profiles_keys_sign_each_request_in_place_of_a_token() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = heard.clone();
    let router = axum::Router::new().fallback(async move |headers: HeaderMap| {
        noted.lock().unwrap().push(headers);
        json!({"items": [], "count": 0, "cursor": null}).to_string()
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let person = Person::alone();
    let aws = person.home.path().join("aws");
    fs::write(&aws, AWS).unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", person.home.path().display(), std::env::var_os("PATH").unwrap().display());
    let says = move |args: &[&str]| {
        let came = person.says_with(args, &[("PATH", &path), ("ERRAND_TOKEN", "not this")], "");
        (came.code, came.err)
    };
    tokio::task::spawn_blocking(move || {
        assert_eq!(
            says(&["workers", "ls", "--json", "--url", &url, "--aws-profile", "prod"]),
            (Some(0), String::new())
        );
        says(&["context", "set", "prod", "--url", &url, "--aws-profile", "prod"]);
        assert_eq!(says(&["workers", "ls", "--json", "--context", "prod"]).0, Some(0));
        let (code, err) = says(&["workers", "ls", "--url", &url, "--aws-profile", "other"]);
        assert_eq!(code, Some(1));
        assert!(err.contains("The config profile could not be found"), "{err}");
    })
    .await
    .unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2);
    for headers in &*heard {
        let header = |name: &str| headers[name].to_str().unwrap();
        let authorization = header("authorization");
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
        assert!(authorization.contains("/eu-central-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date;"));
        assert_eq!((header("x-amz-security-token"), header("x-amz-date").len()), ("session", 16));
    }
}
