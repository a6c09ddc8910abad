//! Who is not told.

use errand::{
    Name,
    spi::rights::{Right, Rights},
};
use errand_local::tokens;
use serde_json::Value;

use super::Watched;

async fn status(watched: &Watched, headers: &[(&str, String)]) -> u16 {
    let request = watched.http.get(format!("http://{}/metrics", watched.server.address));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn with_tokens_only_one_for_all_tenants_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens.json");
    let add =
        |who: &str, tenant: Option<Name>, rights: Rights| tokens::add(&file, who.to_owned(), tenant, rights).unwrap();
    let of_all = add("prometheus", None, Rights::new());
    let of_one = add("acme-ops", Some(Name::of("acme")), Right::ALL.into());
    let watched = Watched::start_at(std::sync::Arc::new(errand::spi::clock::SystemClock), |options| {
        options.tokens = Some(file.clone());
    })
    .await;
    let bearer = |token: &str| [("authorization", format!("Bearer {token}"))];
    assert_eq!(status(&watched, &bearer(&of_all)).await, 200);
    assert_eq!(status(&watched, &bearer(&of_one)).await, 403);
    assert_eq!(status(&watched, &bearer("none")).await, 401);
    assert_eq!(status(&watched, &[]).await, 401);
}

#[tokio::test]
async fn without_tokens_the_machine_is_told_and_no_page_of_elsewhere() {
    let watched = Watched::start().await;
    assert_eq!(status(&watched, &[]).await, 200);
    for header in [
        ("origin", "https://evil.example".to_owned()),
        ("sec-fetch-site", "cross-site".to_owned()),
        ("host", "evil.example".to_owned()),
    ] {
        assert_eq!(status(&watched, std::slice::from_ref(&header)).await, 403, "{header:?}");
    }
    assert_eq!(watched.asked("POST", "/metrics", &Value::Null).await.0, 405);
}
