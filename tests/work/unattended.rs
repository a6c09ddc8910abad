//! Who asks for work, as people who look are told: tasks that nobody comes for, and when a worker was last heard of.

use std::sync::Arc;

use errand::testing::Faults;
use errand_local::sqlite::{SqliteSettings, SqliteStore};
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

use super::{ask, claim, enqueue, put};

async fn unattended(world: &World) -> Value {
    Call::get("/v1/health").answer(&world.app).await.body(200)["unattended"].take()
}

/// Polls for so long, every minute, so that health is well.
async fn polled(world: &World, minutes: u64) {
    for _ in 0..minutes {
        world.advance(60);
        poller::handle(&world.app, None).await; // SQLite's threads wait for no clock of ours
    }
}

#[tokio::test]
async fn due_tasks_of_a_type_that_nobody_asks_for_are_counted_on_every_store_at_hand() {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&dir.path().join("errand.db"), SqliteSettings::default()).unwrap();
    for world in [World::new(), World::on(Arc::new(sqlite))] {
        put(&world.app, "resize", &json!({"max_retries": 0})).await.body(201);
        polled(&world, 1).await;
        assert_eq!(unattended(&world).await, json!([]));
        enqueue(&world, json!({})).await;
        enqueue(&world, json!({})).await;
        ask(&world, "/v1/tasks", json!({"task_type": "resize", "payload": {}, "delay_s": 864_000})).await.body(201);
        polled(&world, 3).await;
        let mine = |due: u64, asked_at: Option<errand::Timestamp>| {
            let mut mine = json!({"tenant": "default", "task_type": "resize", "due": due});
            if let Some(at) = asked_at {
                mine["asked_at"] = json!(at);
            }
            json!([mine])
        };
        assert_eq!(unattended(&world).await, mine(2, None), "nobody ever asked");
        // Another pool's worker is none, and another tenant's.
        claim(&world.app, json!({"pool": "gpu"}), None).await;
        let theirs = |call: Call| call.header("x-errand-tenant", "other");
        let worker = json!({"run": {"kind": "worker"}});
        theirs(Call::put("/v1/task-types/resize", &worker)).answer(&world.app).await.body(201);
        let body = json!({"worker_id": "w", "task_types": ["resize"]});
        theirs(Call::post("/v1/claims", &body)).answer(&world.app).await.body(200);
        assert_eq!(unattended(&world).await, mine(2, None));
        let asked_at = world.now();
        assert_eq!(claim(&world.app, json!({"max": 1}), None).await.len(), 1);
        assert_eq!(unattended(&world).await, json!([]), "somebody asks");
        polled(&world, 9).await;
        assert_eq!(unattended(&world).await, json!([]));
        polled(&world, 1).await;
        // The first one's worker was lost meanwhile.
        assert_eq!(unattended(&world).await, mine(2, Some(asked_at)));
        // Who may not ask for all tenants is told of its own.
        let told = async |tenant: &str| {
            let claims = json!({"sub": "m", "tenant": tenant, "scope": "errand/read"});
            Call::get("/v1/health").token(&claims).answer(&world.app).await.body(200)
        };
        let (own, others) = (told("default").await, told("other").await);
        assert_eq!((&own["unattended"], &others["unattended"]), (&mine(2, Some(asked_at)), &json!([])));
        assert!(own.get("last_poll").is_none(), "{own}");
    }
}

#[tokio::test]
async fn that_a_worker_was_heard_of_is_written_once_a_minute() {
    let world = super::world().await;
    let body = json!({"worker_id": "w-1", "task_types": ["resize"]});
    let beat = json!({"worker_id": "w-1", "leases": []});
    let calls = async |path: &str, body: &Value| {
        let faults = Faults::none();
        Call::post(path, body).answer(&faults.around(&world.app)).await.body(200);
        faults.calls()
    };
    let seen = async || {
        let workers = Call::get("/v1/workers").answer(&world.app).await.body(200);
        workers["items"][0]["last_seen_at"].clone()
    };
    claim(&world.app, json!({"pool": "gpu"}), None).await; // the type is read once
    let (first, again) = (calls("/v1/claims", &body).await, calls("/v1/claims", &body).await);
    assert_eq!(first, again + 1, "that the type is asked for is noted, once");
    let unknown = calls("/v1/claims/heartbeat", &beat).await;
    assert_eq!(calls("/v1/claims/heartbeat", &beat).await, unknown, "nothing is made of who never said what it is");
    Call::put("/v1/workers/w-1", &json!({"capacity": 4})).answer(&world.app).await.body(201);
    let registered = seen().await;
    world.advance(59);
    assert_eq!(calls("/v1/claims/heartbeat", &beat).await, unknown);
    assert_eq!(seen().await, registered);
    world.advance(1);
    assert_eq!(calls("/v1/claims/heartbeat", &beat).await, unknown + 1);
    assert_eq!(seen().await, json!(world.now()));
    assert_eq!(calls("/v1/claims/heartbeat", &beat).await, unknown);
    world.advance(60);
    claim(&world.app, json!({"pool": "gpu", "worker_id": "w-2"}), None).await; // the type is read anew
    let (noted, again) = (calls("/v1/claims", &body).await, calls("/v1/claims", &body).await);
    assert_eq!(noted, again + 2, "both are noted again");
    assert_eq!(seen().await, json!(world.now()));
    let workers = Call::get("/v1/workers").answer(&world.app).await.body(200);
    assert_eq!(workers["items"][0]["capacity"], 4, "what it said stays");
}
