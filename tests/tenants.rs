//! No request reaches another tenant's things, on any route; and no route of a server with a token is open.

use std::time::Duration;

use errand::{Status, spi::rights::Scopes};
use errand_agents::ROUTES;
use errand_http::Route;
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use integration_tests::{
    events::{Answered, Call, is_of_agents},
    settings::Settings,
    world::{World, id_of, webhooks},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// What stands in everything that is the first tenant's.
const SECRET: &str = "for-my-eyes-only";

/// Other tenants than the first, which is `default`.
const OTHER: &str = "other";

/// The claims of another's token, which has every right.
fn token(tenant: &str) -> Value {
    json!({"sub": "mallory", "tenant": tenant, "scope": "read enqueue work operate"})
}

/// What another tenant is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// 404.
    NotFound,
    /// An empty list.
    Nothing,
    /// Something of its own, new.
    Own,
    /// What is nobody's: it tells of the installation and names nothing in it.
    Everybodys,
    /// 403: what is the whole installation's.
    Refused,
}

/// The first tenant's things, as other requests name them.
struct Mine {
    failed: Uuid,
    waiting: Uuid,
    /// One that a worker outside has, and its lease.
    held: Uuid,
    lease: String,
    /// One whose member has not begun.
    group: Uuid,
}

/// A group whose member has a secret, and does not begin.
fn group() -> Call {
    let late = json!({"task_type": "scripted", "payload": {"mark": SECRET}, "delay_s": 864_000});
    Call::post("/v1/groups", &json!({"tasks": [late]})).header("idempotency-key", "secret")
}

/// Asks for what is the first tenant's. A new route needs a case of its own here.
#[allow(clippy::too_many_lines)] // a table
fn case(route: &str, mine: &Mine) -> (Call, Seen) {
    let (failed, waiting) = (mine.failed, mine.waiting);
    let request = |key| json!({"task_type": "scripted", "payload": {}, "queue": "own", "idempotency_key": key});
    let empty = json!({});
    match route {
        "EnqueueTask" => (Call::post("/v1/tasks", &request("one")), Seen::Own),
        "EnqueueBatch" => (Call::post("/v1/tasks/batch", &json!({"tasks": [request("many")]})), Seen::Own),
        "MakeGroup" => (group(), Seen::Own),
        "AddToGroup" => {
            let more = json!({"tasks": [{"task_type": "scripted", "payload": {}}]});
            (Call::post(&format!("/v1/groups/{}/tasks", mine.group), &more), Seen::NotFound)
        }
        "ListGroups" => (Call::get("/v1/groups"), Seen::Nothing),
        "GetGroup" => (Call::get(&format!("/v1/groups/{}", mine.group)), Seen::NotFound),
        "ListGroupTasks" => (Call::get(&format!("/v1/groups/{}/tasks", mine.group)), Seen::NotFound),
        "CancelGroup" => (Call::post(&format!("/v1/groups/{}/cancel", mine.group), &empty), Seen::NotFound),
        "GetTask" => (Call::get(&format!("/v1/tasks/{failed}")), Seen::NotFound),
        "GetTaskLog" => (Call::get(&format!("/v1/tasks/{failed}/log")), Seen::NotFound),
        "ListTasks" => (Call::get("/v1/tasks?user_id=u"), Seen::Nothing),
        "QueueStats" => (Call::get("/v1/queues/default/stats"), Seen::Nothing),
        "ListQueues" => (Call::get("/v1/queues"), Seen::Nothing),
        "GetHistory" => (Call::get("/v1/history"), Seen::Nothing),
        "Commander" => (Call::get("/v1/commander"), Seen::Nothing),
        "ReadTask" => (Call::post(&format!("/v1/tasks/{waiting}/read"), &json!({"reader_id": "r"})), Seen::NotFound),
        "GetHealth" => (Call::get("/v1/health"), Seen::Everybodys),
        "ListTaskTypes" => (Call::get("/v1/task-types"), Seen::Everybodys),
        "GetOpenApi" => (Call::get("/v1/openapi.json"), Seen::Everybodys),
        "GetRecord" => (Call::get("/v1/records/conversation/c"), Seen::NotFound),
        "ListRecords" => (Call::get("/v1/records/conversation?parent=u"), Seen::Nothing),
        "ListEvents" => (Call::get("/v1/events"), Seen::Nothing),
        "ListDeadLetters" => (Call::get("/v1/dead-letters"), Seen::Nothing),
        "ListFailures" => (Call::get("/v1/failures"), Seen::Nothing),
        "RedriveDeadLetters" => (Call::post("/v1/dead-letters/redrive", &json!({"all": true})), Seen::Nothing),
        "CancelTask" => (Call::post(&format!("/v1/tasks/{waiting}/cancel"), &empty), Seen::NotFound),
        "RetryTask" => (Call::post(&format!("/v1/tasks/{failed}/retry"), &empty), Seen::NotFound),
        "ProcessTask" => (Call::post(&format!("/v1/tasks/{waiting}/process"), &empty), Seen::NotFound),
        "RescheduleTask" => {
            let later = json!({"run_at": "2031-01-01T00:00:00Z"});
            (Call::post(&format!("/v1/tasks/{waiting}/reschedule"), &later), Seen::NotFound)
        }
        "PutRecord" => (Call::put("/v1/records/conversation/c", &json!({"user_id": "u"})), Seen::Own),
        "PatchRecord" => (Call::patch("/v1/records/conversation/d", &json!({"status": "closed"})), Seen::NotFound),
        "RemoveRecord" => (Call::to("DELETE", "/v1/records/conversation/d"), Seen::NotFound),
        "RunPoll" => (Call::post("/v1/poll", &empty), Seen::Everybodys),
        "PutWebhook" => (Call::put("/v1/webhooks/audit", &json!({"url": "http://127.0.0.1:9/"})), Seen::Own),
        "RotateWebhookSecret" => (Call::post("/v1/webhooks/audit/rotate-secret", &empty), Seen::NotFound),
        "RemoveWebhook" => (Call::to("DELETE", "/v1/webhooks/audit"), Seen::NotFound),
        "ListWebhooks" => (Call::get("/v1/webhooks"), Seen::Nothing),
        "GetWebhook" => (Call::get("/v1/webhooks/audit"), Seen::NotFound),
        "PutTaskType" => (Call::put("/v1/task-types/mine", &json!({"run": {"kind": "worker"}})), Seen::Own),
        "PreviewSchedule" => {
            (Call::post("/v1/schedules/preview", &json!({"spec": {"cron": ["@daily"]}})), Seen::Everybodys)
        }
        "PutSchedule" => (Call::put("/v1/schedules/nightly", &nightly("theirs")), Seen::Own),
        "GetSchedule" => (Call::get("/v1/schedules/nightly"), Seen::NotFound),
        "ListSchedules" => (Call::get("/v1/schedules"), Seen::Nothing),
        "RemoveSchedule" => (Call::to("DELETE", "/v1/schedules/nightly"), Seen::NotFound),
        "PauseSchedule" => (Call::post("/v1/schedules/nightly/pause", &empty), Seen::NotFound),
        "ResumeSchedule" => (Call::post("/v1/schedules/nightly/resume", &empty), Seen::NotFound),
        "TriggerSchedule" => (Call::post("/v1/schedules/nightly/trigger", &empty), Seen::NotFound),
        "BackfillSchedule" => {
            let past = json!({"from": "2025-01-01T00:00:00Z", "to": "2025-01-02T00:00:00Z"});
            (Call::post("/v1/schedules/nightly/backfill", &past), Seen::NotFound)
        }
        "ListBackfills" => (Call::get("/v1/schedules/nightly/backfills"), Seen::NotFound),
        "EraseUser" => (Call::to("DELETE", "/v1/users/u"), Seen::Own),
        "RotateSecret" => (Call::post("/v1/task-types/mine/rotate-secret", &empty), Seen::NotFound),
        "TestTaskType" => (Call::post("/v1/task-types/mine/test", &empty), Seen::NotFound),
        "RetireTaskType" => (Call::to("DELETE", "/v1/task-types/mine"), Seen::NotFound),
        "GetTaskType" => (Call::get("/v1/task-types/mine"), Seen::NotFound),
        "PutWorker" => (Call::put("/v1/workers/w", &empty), Seen::Own),
        "ListWorkers" => (Call::get("/v1/workers"), Seen::Nothing),
        "ClaimTasks" => (Call::post("/v1/claims", &json!({"worker_id": "v", "task_types": ["mine"]})), Seen::NotFound),
        "HeartbeatClaims" => {
            let lease = json!({"task_id": mine.held, "lease_token": mine.lease});
            (Call::post("/v1/claims/heartbeat", &json!({"worker_id": "w", "leases": [lease]})), Seen::Everybodys)
        }
        "FinishClaims" => {
            let end = json!({"task_id": mine.held, "lease_token": mine.lease, "status": "completed"});
            (Call::post("/v1/claims/finish", &json!({"items": [end]})), Seen::Everybodys)
        }
        "FinishTask" => {
            let end = json!({"lease_token": mine.lease, "status": "completed"});
            (Call::post(&format!("/v1/tasks/{}/finish", mine.held), &end), Seen::NotFound)
        }
        other => panic!("{other} has no case"),
    }
}

/// A world with one thing of each sort, all of them the first tenant's, and nothing left to do in it.
async fn mine() -> (World, Mine) {
    let mut world = World::new();
    let mut settings = Settings::verified_by("local");
    settings.rules.scopes = Scopes::by_name();
    world.set(&settings);
    world.app.listeners.webhooks = Some(webhooks(world.app.clock.clone()));
    let failing = json!({"acts": [{"fail_for_good": SECRET}], "mark": SECRET});
    let failed = world.scripted(&failing).await;
    world.scripted(&json!({"publish": SECRET})).await;
    world.drain().await;
    let keyed = |key| {
        json!({"task_type": "scripted", "payload": {"mark": SECRET}, "user_id": "u", "delay_s": 864_000,
        "idempotency_key": key})
    };
    let waiting = world.enqueue(&keyed("one")).await;
    world.enqueue(&keyed("many")).await;
    let record = json!({"user_id": "u"});
    for id in ["c", "d"] {
        Call::put(&format!("/v1/records/conversation/{id}"), &record).answer(&world.app).await.body(201);
    }
    assert_eq!(world.task(failed).await.status(), Status::Failed);
    let ask = async |call: Call| call.answer(&world.app).await.body;
    ask(Call::put("/v1/webhooks/audit", &json!({"url": format!("http://127.0.0.1:9/{SECRET}")}))).await;
    ask(Call::put("/v1/task-types/mine", &json!({"run": {"kind": "worker"}}))).await;
    ask(Call::put("/v1/workers/w", &json!({}))).await;
    ask(Call::put("/v1/schedules/nightly", &nightly(SECRET))).await;
    for _ in 0..2 {
        ask(Call::post("/v1/tasks", &json!({"task_type": "mine", "payload": {"mark": SECRET}}))).await;
    }
    let group = id_of(&ask(group()).await);
    let claim = json!({"worker_id": "w", "task_types": ["mine"]});
    let given = ask(Call::post("/v1/claims", &claim)).await["items"][0].take();
    let held = given["task_id"].as_str().unwrap().parse().unwrap();
    // Begun, and not run: its owner is answered with the task that is at it.
    ask(Call::to("DELETE", "/v1/users/u")).await;
    (world, Mine { failed, waiting, held, lease: given["lease_token"].as_str().unwrap().to_owned(), group })
}

/// A schedule whose tasks have this mark.
fn nightly(mark: &str) -> Value {
    json!({"spec": {"cron": ["@yearly"]}, "task": {"task_type": "scripted", "user_id": "u"}, "payload": {"mark": mark}})
}

/// Everything that is the first tenant's, as it is stored.
async fn state(world: &World, mine: &Mine) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        format!("/v1/tasks/{}", mine.failed),
        format!("/v1/tasks/{}", mine.waiting),
        format!("/v1/tasks/{}/log", mine.failed),
        format!("/v1/tasks/{}", mine.held),
        format!("/v1/tasks/{}/log", mine.waiting),
        "/v1/records/conversation?parent=u".to_owned(),
        format!("/v1/groups/{}/tasks", mine.group),
        "/v1/events".to_owned(),
        "/v1/webhooks".to_owned(),
        "/v1/schedules/nightly".to_owned(),
        "/v1/tasks?user_id=u".to_owned(),
    ] {
        all.push(Call::get(&path).answer(&world.app).await.body(200));
    }
    all
}

/// What an answer shows.
fn seen(answer: &Answered) -> Option<Seen> {
    let body = &answer.body;
    let none = |name: &str| body[name] == 0;
    let never = |how: &str| body[how].as_array().is_some_and(|ends| ends.iter().all(|ended| *ended == 0));
    match answer.status {
        403 => Some(Seen::Refused),
        404 => Some(Seen::NotFound),
        // A type that the tenant does not have.
        400 if body["error"]["field"] == "task_types" => Some(Seen::NotFound),
        201 | 202 => Some(Seen::Own),
        200 if none("count")
            || (none("open") && none("processed"))
            || body["stats"]["open"] == 0
            || (none("done") && none("skipped"))
            || ["completed", "failed", "cancelled"].into_iter().all(never) =>
        {
            Some(Seen::Nothing)
        }
        200 if body["items"][0]["status"] == 201 => Some(Seen::Own),
        200 => Some(Seen::Everybodys),
        _ => None,
    }
}

/// The routes that have a case here: those of agent runs are walked in `agent_api`, and the open ones go by no tenant.
fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|info| !is_of_agents(info.path) && !info.open)
}

/// Asks on every route as another tenant; `ask` says how it shows who it is, `trusted` whether it may be any.
async fn every_route_ends_at_the_tenant(trusted: bool, ask: impl Fn(Call) -> Call) {
    for info in routes() {
        let (world, mine) = mine().await;
        let before = state(&world, &mine).await;
        let (call, expected) = case(info.name, &mine);
        let expected = if info.name == "RunPoll" && !trusted { Seen::Refused } else { expected };
        assert_eq!(call.route().name, info.name);
        let answer = ask(call).answer(&world.app).await;
        assert_eq!(seen(&answer), Some(expected), "{}: {:#}", info.key(), answer.body);
        let text = answer.body.to_string();
        let shown = [SECRET, &mine.failed.to_string(), &mine.waiting.to_string()].iter().any(|it| text.contains(*it));
        assert!(!shown, "{}: {text}", info.key());
        assert_eq!(state(&world, &mine).await, before, "{}", info.key());
        // Without this a case that finds nothing anyway would show nothing: its owner is answered otherwise.
        let (call, expected) = case(info.name, &mine);
        let answer = call.answer(&world.app).await;
        if expected != Seen::Everybodys {
            assert_ne!(seen(&answer), Some(expected), "{} as its owner: {:#}", info.key(), answer.body);
        }
    }
}

#[tokio::test]
async fn no_route_leads_to_what_is_another_tenants_by_the_header() {
    every_route_ends_at_the_tenant(true, |call| call.header("x-errand-tenant", OTHER)).await;
}

#[tokio::test]
async fn a_tokens_claim_says_whose_it_is_and_no_header_changes_that() {
    let claims = token(OTHER);
    every_route_ends_at_the_tenant(false, |call| call.header("x-errand-tenant", "default").token(&claims)).await;
}

#[tokio::test]
async fn no_body_or_parameter_says_whose_a_request_is() {
    let (world, mine) = mine().await;
    let claims = token(OTHER);
    for info in routes() {
        let (call, _) = case(info.name, &mine);
        let call = match info.method {
            "GET" => Call::get(&format!("{}?tenant=default", call.path())),
            _ => call.text(r#"{"tenant": "default"}"#),
        };
        let answer = call.token(&claims).answer(&world.app).await;
        let refused = [400, 403, 404].contains(&answer.status);
        // What takes no body, and needs nothing to be there, is done: to the caller's own.
        let is_own = answer.body["tenant"] == OTHER;
        assert!(refused || is_own, "{}: {:#}", info.key(), answer.body);
    }
}

#[tokio::test]
async fn health_tells_a_token_of_no_other_tenants_tasks() {
    let (world, _) = mine().await;
    let health = Call::get("/v1/health");
    let trusted = health.clone().header("x-errand-tenant", OTHER).answer(&world.app).await.body(200);
    assert_eq!((&trusted["tasks"]["failed"], trusted["last_poll"].is_object()), (&json!(1), true));
    let told = health.token(&token(OTHER)).answer(&world.app).await.body(200);
    let fields: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["left_alone", "queue", "status", "store", "unattended", "version"]);
    assert_eq!((&told["left_alone"], &told["unattended"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_token_without_a_tenant_is_refused_on_every_route() {
    let (world, mine) = mine().await;
    for claims in [json!({"sub": "m"}), json!({"sub": "m", "tenant": ""}), json!({"sub": "m", "tenant": "a/b#c"})] {
        for info in routes() {
            let call = case(info.name, &mine).0.token(&claims).header("x-errand-tenant", "default");
            let (status, code, ..) = call.answer(&world.app).await.error();
            assert_eq!((status, code.as_str()), (403, "forbidden"), "{}: {claims}", info.key());
        }
    }
}

#[tokio::test]
async fn a_header_that_is_no_tenant_is_refused_on_every_route() {
    let (world, mine) = mine().await;
    for info in routes() {
        let call = case(info.name, &mine).0.header("x-errand-tenant", "a/b#c");
        let (status, _, field, _) = call.answer(&world.app).await.error();
        assert_eq!((status, field.as_str()), (400, "x-errand-tenant"), "{}", info.key());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_token_demands_it_on_every_route_and_beside_them() {
    let data = tempfile::tempdir().unwrap();
    let options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
    let options = Options { token: Some("open sesame".to_owned()), ..options };
    let server = RunningServer::start(&options, Settings::default().types()).await.unwrap();
    let client = errand_models::http::client(Duration::from_secs(30)).unwrap();
    let routes = ROUTES.iter().filter(|info| !info.open).map(|info| (info.method, info.path.replace(['{', '}'], "")));
    // But for the dashboard's files.
    let beside = [("GET", "/v1/nothing".to_owned()), ("DELETE", "/v1/tasks".to_owned())];
    for (method, path) in routes.chain(beside) {
        let url = format!("http://{}{path}", server.address);
        let ask = || client.request(method.parse::<reqwest::Method>().unwrap(), &url);
        for (token, wanted) in
            [(None, true), (Some("open sesam"), true), (Some(""), true), (Some("open sesame"), false)]
        {
            let asked = token.into_iter().fold(ask(), |ask, token| ask.bearer_auth(token));
            let status = asked.send().await.unwrap().status().as_u16();
            assert_eq!(status == 401, wanted, "{method} {path} with {token:?}: {status}");
        }
    }
    server.stop().await;
}
