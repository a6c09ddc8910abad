//! What stands for AWS: its command, and an API that takes whatever is signed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use axum::http::{HeaderMap, Uri};
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

/// What an API has heard.
pub(super) type Heard = Arc<Mutex<Vec<(Uri, HeaderMap)>>>;

/// An API that answers everything with an empty page, and what it has heard.
pub(super) async fn remote() -> (String, Heard) {
    let heard = Heard::default();
    let noted = heard.clone();
    let router = axum::Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
        noted.lock().unwrap().push((uri, headers));
        json!({"items": [], "count": 0, "cursor": null}).to_string()
    });
    (crate::process::serve(router).await, heard)
}

/// Gives `person` the command; the `PATH` by which it is found.
pub(super) fn aws(person: &Person) -> String {
    let aws = person.home.path().join("aws");
    fs::write(&aws, AWS).unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", person.home.path().display(), std::env::var_os("PATH").unwrap().display())
}
