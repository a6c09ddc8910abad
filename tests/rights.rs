//! Each route asks for one right, and whoever does not have it is refused; a token of an issuer has what its scopes say.

use errand::spi::rights::{Right, Scopes};
use errand_agents::ROUTES;
use errand_http::Route;
use integration_tests::{events::Call, settings::Settings, world::World};
use serde_json::{Value, json};

/// A world whose tokens need these scopes.
fn world(scopes: Scopes) -> World {
    let mut world = World::new();
    let mut settings = Settings::default();
    settings.rules.scopes = scopes;
    world.set(&settings);
    world
}

/// A request for a route, which names things that are not there.
fn call(route: &Route) -> Call {
    let path = route
        .path
        .replace("{kind}", "expert")
        .replace("{queue}", "q")
        .replace("{id}", "none")
        .replace("{name}", "none")
        .replace("{token}", "none");
    match route.method {
        "GET" => Call::get(&path),
        "PUT" => Call::put(&path, &json!({})),
        "PATCH" => Call::patch(&path, &json!({})),
        "DELETE" => Call::to("DELETE", &path),
        _ => Call::post(&path, &json!({})),
    }
}

fn token(scopes: &str) -> Value {
    json!({"sub": "mallory", "tenant": "default", "scope": scopes})
}

async fn is_refused(world: &World, route: &Route, claims: &Value) -> bool {
    let answer = call(route).token(claims).answer(&world.app).await;
    let message = answer.body["error"]["message"].as_str().unwrap_or_default();
    let refused = message.ends_with(&format!("needs the right `{}`, which the token does not have", route.right));
    assert!(!refused || answer.status == 403, "{}: {:#}", route.key(), answer.body);
    refused
}

#[tokio::test]
async fn a_route_is_for_whoever_has_its_right_and_for_nobody_else() {
    let world = world(Scopes::by_name());
    for route in ROUTES.iter().filter(|route| !route.open) {
        let others = Right::ALL.into_iter().filter(|right| *right != route.right);
        let others: Vec<&str> = others.map(Right::as_str).collect();
        assert!(is_refused(&world, route, &token(&others.join(" "))).await, "{}", route.key());
        assert!(!is_refused(&world, route, &token(route.right.as_str())).await, "{}", route.key());
        // An installation's own service is known by its signature: what it may do is said by policy.
        let own = call(route).answer(&world.app).await;
        assert_ne!(own.status, 403, "{}: {:#}", route.key(), own.body);
    }
}

#[tokio::test]
async fn until_a_scope_is_named_no_token_operates_and_each_may_do_the_rest() {
    let world = world(Scopes::default());
    for route in ROUTES.iter().filter(|route| !route.open) {
        let refused = is_refused(&world, route, &token("operate errand.admin")).await;
        assert_eq!(refused, route.right == Right::Operate, "{}", route.key());
    }
}

#[tokio::test]
async fn a_scope_may_stand_in_either_claim_that_issuers_use() {
    let world = world("operate=errand.admin".parse().unwrap());
    let redrive = Route::find(&ROUTES, "POST /v1/dead-letters/redrive").unwrap();
    for (claim, scopes, may) in [
        ("scope", "openid errand.admin", true),
        ("scp", "[openid errand.admin]", true),
        ("scp", "errand.admin", true),
        ("scope", "openid errand.administrator", false),
        ("roles", "errand.admin", false),
    ] {
        let claims = json!({"sub": "m", "tenant": "default", claim: scopes});
        assert_eq!(!is_refused(&world, redrive, &claims).await, may, "{claim}: {scopes}");
    }
}

#[test]
fn every_routes_right_is_known() {
    let rights: Vec<String> = ROUTES.iter().map(|route| format!("{:8} {}", route.right, route.key())).collect();
    insta::assert_snapshot!(rights.join("\n"));
}
