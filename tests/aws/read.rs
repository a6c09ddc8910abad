//! Every read: lists, counts, health, and that no tenant sees another's.

use integration_tests::{aws::Stack, events::Call};
use serde_json::{Value, json};

use super::{MEDIUM, enqueued, scripted, with};

async fn read(stack: &Stack, path: &str) -> Value {
    stack.call(&Call::get(path)).await.body(200)
}

#[tokio::test]
async fn lists_and_counts_tell_what_is_there() {
    lists(&Stack::start().await).await;
}

pub(super) async fn lists(stack: &Stack) {
    let request = with(scripted(json!({})), json!({"user_id": "ada"}));
    let done = enqueued(stack, &request).await;
    stack.deliver(MEDIUM).await;
    let mut waiting = Vec::new();
    for priority in ["low", "urgent", "high"] {
        waiting.push(enqueued(stack, &with(request.clone(), json!({"priority": priority, "delay_s": 60}))).await);
    }
    let ids = |list: &Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let open = read(stack, "/v1/tasks?queue=default&limit=2").await;
    assert_eq!(ids(&open), [waiting[1].clone(), waiting[2].clone()]);
    let rest = read(stack, &format!("/v1/tasks?limit=2&cursor={}", open["cursor"].as_str().unwrap())).await;
    assert_eq!((ids(&rest), &rest["cursor"]), (vec![waiting[0].clone()], &Value::Null));
    assert_eq!(ids(&read(stack, "/v1/tasks?status=completed").await), [done]);
    let of_ada = async |more: &str| read(stack, &format!("/v1/tasks?user_id=ada{more}")).await["count"].clone();
    assert_eq!([of_ada("").await, of_ada("&status=open").await, of_ada("&status=completed").await], [4, 3, 1]);
}

#[tokio::test]
async fn records_are_listed_by_what_they_belong_to() {
    records(&Stack::start().await).await;
}

pub(super) async fn records(stack: &Stack) {
    stack.call(&Call::put("/v1/records/conversation/c1", &json!({"user_id": "ada"}))).await.body(201);
    let expert = json!({"expert_connector": true});
    stack.call(&Call::put("/v1/records/user/eve", &expert)).await.body(201);
    assert_eq!(read(stack, "/v1/records/conversation?parent=ada").await["count"], 1);
    let experts = format!("/v1/records/user?owner={}", shared::domain::User::experts().as_str());
    assert_eq!(read(stack, &experts).await["items"][0]["id"], "eve");
    assert_eq!(stack.call(&Call::get("/v1/records/user/bob")).await.status, 404);
}

#[tokio::test]
async fn the_commander_sees_the_open_tasks_and_what_is_new_to_it() {
    commander(&Stack::start().await).await;
}

pub(super) async fn commander(stack: &Stack) {
    let due = enqueued(stack, &scripted(json!({}))).await;
    let later = enqueued(stack, &with(scripted(json!({})), json!({"priority": "urgent", "delay_s": 60}))).await;
    let shown = async || {
        let snapshot = read(stack, "/v1/commander?reader_id=ada").await;
        assert_eq!(snapshot["stats"]["oldest_due_at"], json!(stack.now()));
        let task = |n: usize| &snapshot["tasks"]["items"][n];
        let shown = [0, 1].map(|n| (task(n)["id"].as_str().unwrap().to_owned(), task(n)["unread"] == true));
        (shown, snapshot["unread"].as_u64().unwrap())
    };
    assert_eq!(shown().await, ([(later.clone(), true), (due.clone(), true)], 2));
    for _ in 0..2 {
        let marked = stack.call(&Call::post(&format!("/v1/tasks/{due}/read"), &json!({"reader_id": "ada"}))).await;
        assert_eq!(marked.body(200)["unread"], false);
    }
    assert_eq!(shown().await, ([(later, true), (due, false)], 1));
}

#[tokio::test]
async fn health_tells_of_the_store_the_queues_and_the_last_poll() {
    health(&Stack::start().await).await;
}

pub(super) async fn health(stack: &Stack) {
    assert!(read(stack, "/v1/health").await["last_poll"].is_null());
    stack.poll().await;
    let health = read(stack, "/v1/health").await;
    assert_eq!(health["status"], "ok");
    assert_eq!((&health["store"], &health["queue"]), (&json!({"reachable": true}), &json!({"reachable": true})));
    assert_eq!(health["last_poll"]["at"], json!(stack.now()));
}

#[tokio::test]
async fn another_tenants_task_is_not_there() {
    let stack = Stack::start().await;
    let id = enqueued(&stack, &scripted(json!({}))).await;
    for call in [
        Call::get(&format!("/v1/tasks/{id}")),
        Call::get(&format!("/v1/tasks/{id}/log")),
        Call::post(&format!("/v1/tasks/{id}/cancel"), &json!({})),
        Call::post(&format!("/v1/tasks/{id}/retry"), &json!({})),
    ] {
        let call = call.token(&json!({"sub": "eve", "tenant": "acme"}));
        // What a token does not say, a header cannot.
        let answer = stack.call(&call.header("x-errand-tenant", "default")).await;
        assert_eq!(answer.error().0, 404, "{answer:?}");
    }
}
