//! Task types as records.

use errand::{Dispatch, Status, spi::rights::Scopes};
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use integration_tests::{events::Call, settings::Settings, world::World};
use serde_json::{Value, json};

use super::{ask, claim, claim_one, code, enqueue, finish, put, world};

#[tokio::test]
async fn a_type_is_made_shown_changed_and_retired() {
    let world = World::new();
    let schema = json!({"type": "object", "properties": {"width": {"type": "integer"}}, "required": ["width"]});
    let more = json!({"schema": schema, "description": "Makes a picture smaller.", "example": {"width": 3},
        "timeout_s": 86_400, "max_retries": 5, "retry": {"first_s": 1, "factor": 3, "max_s": 9}, "pool": "gpu",
        "may_enqueue": ["scripted"], "mcp": true});
    let made = put(&world.app, "resize", &more).await.body(201);
    assert_eq!((&made["run"], &made["schema"], &made["mcp"]), (&json!({"kind": "worker"}), &schema, &json!(true)));
    let shown = Call::get("/v1/task-types/resize").answer(&world.app).await.body(200);
    assert_eq!(shown, made);
    let all = Call::get("/v1/task-types").answer(&world.app).await.body(200);
    assert!(all["items"].as_array().unwrap().contains(&made));
    assert_eq!(put(&world.app, "resize", &json!({})).await.body(200)["timeout_s"], 30);
    let retired = Call::to("DELETE", "/v1/task-types/resize").answer(&world.app).await.body(200);
    assert_eq!(retired["retired_at"], json!(world.now()));
    assert_eq!(code(&Call::get("/v1/task-types/none").answer(&world.app).await), (404, "not_found"));
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_refused_where_it_does_not() {
    let world = World::new();
    let schema = json!({"type": "object", "properties": {"sizes": {"type": "array", "items": {"type": "integer"}}}});
    put(&world.app, "resize", &json!({"schema": schema})).await.body(201);
    let refused = ask(&world, "/v1/tasks", json!({"task_type": "resize", "payload": {"sizes": [1, "x"]}})).await;
    assert_eq!((refused.status, &refused.body["error"]["field"]), (400, &json!("payload.sizes[1]")));
    enqueue(&world, json!({"sizes": [1]})).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_type_is_said_where() {
    let world = World::new();
    for (more, field) in [
        (json!({"timeout_s": 86_401}), "timeout_s"),
        (json!({"max_retries": 101}), "max_retries"),
        (json!({"retry": {"factor": 0.5}}), "retry.factor"),
        (json!({"schema": {"type": "nothing"}}), "schema"),
        (json!({"schema": {"$ref": "https://example.org/s"}}), "schema"),
        (json!({"schema": {"type": "integer"}, "example": "x"}), "example"),
        (json!({"limits": {"parallelism": 1}}), "limits"),
        (json!({"run": {"kind": "smoke"}}), "run.kind"),
    ] {
        let answer = put(&world.app, "resize", &more).await;
        assert_eq!((answer.status, &answer.body["error"]["field"]), (400, &json!(field)), "{more} {:#}", answer.body);
    }
    assert_eq!(code(&put(&world.app, "scripted", &json!({})).await), (409, "conflict"), "it is compiled in");
    assert_eq!(code(&put(&world.app, "get_task", &json!({"mcp": true})).await), (409, "conflict"), "agents have it");
}

#[tokio::test]
async fn workers_that_start_at_the_same_moment_may_all_put_their_type() {
    let data = tempfile::tempdir().unwrap();
    let options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
    let server = RunningServer::start(&options, Settings::default().types()).await.unwrap();
    for _ in 0..5 {
        let put = json!({"run": {"kind": "worker"}});
        let call = Call::put("/v1/task-types/resize", &put);
        let puts = futures::future::join_all((0..8).map(|_| call.answer(&server.app))).await;
        assert!(puts.iter().all(|answer| answer.status < 300), "{puts:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_type_is_refused_until_it_is_made() {
    let world = World::new();
    let request = json!({"task_type": "resize", "payload": {}});
    assert_eq!(code(&ask(&world, "/v1/tasks", request.clone()).await), (400, "invalid"));
    put(&world.app, "resize", &json!({})).await.body(201);
    ask(&world, "/v1/tasks", request).await.body(201);
}

#[tokio::test]
async fn of_a_retired_type_no_more_is_taken_and_what_is_there_comes_to_its_end() {
    let world = world().await;
    let there = enqueue(&world, json!({"n": 1})).await;
    Call::to("DELETE", "/v1/task-types/resize").answer(&world.app).await.body(200);
    let refused = ask(&world, "/v1/tasks", json!({"task_type": "resize", "payload": {}})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("retired"));
    let claimed = claim_one(&world).await;
    finish(&world.app, &claimed, json!({"status": "completed"})).await.body(200);
    assert_eq!(world.task(there).await.status(), Status::Completed);
    put(&world.app, "resize", &json!({})).await.body(200);
    enqueue(&world, json!({"n": 2})).await;
}

#[tokio::test]
async fn a_type_changes_under_tasks_that_wait_and_what_was_asked_stays() {
    let world = world().await;
    put(&world.app, "resize", &json!({"timeout_s": 100, "max_retries": 1, "retry": {"first_s": 10}})).await.body(200);
    let id = enqueue(&world, json!({"any": "thing"})).await;
    let more = json!({"timeout_s": 7, "max_retries": 9, "retry": {"first_s": 1000}, "schema": {"type": "string"}});
    put(&world.app, "resize", &more).await.body(200);
    let task = world.task(id).await;
    assert_eq!((task.timeout_s, task.max_retries, task.dispatch), (100, 1, Dispatch::Pulled));
    // Its payload fitted when it was taken; how long it waits counts as its execution ends.
    let claimed = claim_one(&world).await;
    assert_eq!(claimed["payload"], json!({"any": "thing"}));
    finish(&world.app, &claimed, json!({"status": "failed", "failure": {"message": "no"}})).await.body(200);
    let waits = super::waits_s(&world.task(id).await, world.now());
    assert!((900..=1100).contains(&waits), "{waits}");
}

#[tokio::test]
async fn two_tenants_with_a_type_of_one_name_never_meet() {
    let world = world().await;
    let other = |call: Call| call.header("x-errand-tenant", "other");
    let string = json!({"run": {"kind": "worker"}, "schema": {"type": "string"}});
    other(Call::put("/v1/task-types/resize", &string)).answer(&world.app).await.body(201);
    let mine = enqueue(&world, json!({"n": 1})).await;
    let request = |payload: Value| json!({"task_type": "resize", "payload": payload});
    let refused = other(Call::post("/v1/tasks", &request(json!({"n": 1})))).answer(&world.app).await;
    assert_eq!(code(&refused), (400, "invalid"));
    other(Call::post("/v1/tasks", &request(json!("text")))).answer(&world.app).await.body(201);
    let ask = json!({"worker_id": "w-1", "task_types": ["resize"], "max": 10});
    let theirs = other(Call::post("/v1/claims", &ask)).answer(&world.app).await.body(200);
    assert_eq!((&theirs["count"], &theirs["items"][0]["payload"]), (&json!(1), &json!("text")));
    let claimed = claim_one(&world).await;
    assert_eq!(claimed["task_id"], json!(mine));
    // Nor does the lease of one end the task of another.
    let finish = json!({"lease_token": claimed["lease_token"], "status": "completed"});
    let refused = other(Call::post(&format!("/v1/tasks/{mine}/finish"), &finish)).answer(&world.app).await;
    assert_eq!(code(&refused), (404, "not_found"));
}

#[tokio::test]
async fn what_is_for_all_is_everybodys_until_they_have_their_own() {
    let mut world = World::new();
    let mut settings = Settings::default();
    settings.rules.scopes = Scopes::by_name();
    world.set(&settings);
    let claims = json!({"sub": "m", "tenant": "default", "scope": "operate enqueue read work"});
    let all = json!({"run": {"kind": "worker"}, "all_tenants": true, "description": "everybody's"});
    let by_token = Call::put("/v1/task-types/resize", &all).token(&claims).answer(&world.app).await;
    assert_eq!(code(&by_token), (403, "forbidden"));
    Call::put("/v1/task-types/resize", &all).answer(&world.app).await.body(201);
    enqueue(&world, json!({})).await;
    assert_eq!(claim(&world.app, json!({}), None).await.len(), 1);
    let own = put(&world.app, "resize", &json!({"description": "mine"})).await.body(201);
    assert_eq!(own["all_tenants"], false);
    let shown = Call::get("/v1/task-types/resize").answer(&world.app).await.body(200);
    assert_eq!(shown["description"], "mine");
}
