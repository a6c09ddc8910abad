//! What Errand keeps for itself is not shown as it is.

use errand::Name;
use integration_tests::{events::Call, world::World};
use serde_json::json;
use shared::domain;

use super::{claim, get, message, outside};

/// Every kind that belongs to no route of records.
const KEPT: [&str; 14] = [
    "run",
    "run_event",
    "command",
    "turn",
    "runner_job",
    "session",
    "agent",
    "runner",
    "spending",
    "event_batch",
    "idempotency",
    "event",
    "read_mark",
    "poll",
];

#[tokio::test]
async fn what_errand_keeps_for_itself_is_not_read_as_a_record() {
    let world = World::new();
    let run = outside(&world, &json!({"session_id": "s", "agent_id": "a"})).await;
    let lease = claim(&world, &run, "r").await;
    let events =
        Call::post(&format!("/v1/runs/{run}/events"), &json!({"lease_token": lease, "events": [message("x")]}));
    events.header("idempotency-key", "k").answer(&world.app).await.body(200);
    for kind in KEPT {
        for path in [
            format!("{kind}/{run}"),
            format!("{kind}/s"),
            format!("{kind}?parent={run}"),
            format!("{kind}?owner=default"),
        ] {
            let (status, code, _, sentence) =
                Call::get(&format!("/v1/records/{path}")).answer(&world.app).await.error();
            assert_eq!((status, code.as_str()), (404, "not_found"), "{path}: {sentence}");
            assert!(sentence.starts_with(&format!("no records of kind `{kind}` are served; known are")), "{sentence}");
        }
        for call in [
            Call::put(&format!("/v1/records/{kind}/s"), &json!({})),
            Call::patch(&format!("/v1/records/{kind}/s"), &json!({})),
            Call::to("DELETE", &format!("/v1/records/{kind}/s")),
        ] {
            assert!([400, 404].contains(&call.answer(&world.app).await.status), "{kind}");
        }
    }
    let types = domain::kinds();
    let scripted = Name::of(domain::SCRIPTED);
    for kind in types.written_kinds().chain([&scripted]) {
        assert_eq!(Call::get(&format!("/v1/records/{kind}/none")).answer(&world.app).await.status, 404, "{kind}");
        assert_eq!(get(&world, &format!("/v1/records/{kind}?parent=none")).await["count"], 0, "{kind}");
    }
}
