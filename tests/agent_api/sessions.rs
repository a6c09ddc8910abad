//! Sessions as a reader sees them.

use std::{sync::Arc, time::Duration};

use errand::State;
use errand_agents::AgentRules;
use integration_tests::{settings::Settings, world::World};
use serde_json::{Value, json};

use super::{claim, done, finish, get, id, message, outside, post, refused};

/// Sessions, the later the newer: idle and read, failed, running, idle, pending.
async fn world() -> World {
    let world = World::new();
    for (session, end) in
        [("old", Some("completed")), ("bad", Some("failed")), ("busy", None), ("new", Some("completed"))]
    {
        world.advance(10);
        let run = outside(&world, &json!({"session_id": session, "max_retries": 0})).await;
        let lease = claim(&world, &run, "r").await;
        let event =
            json!({"lease_token": lease, "events": [message("hi"), {"type": "tool_call", "payload": {"tool": "t"}}]});
        done(&world, &format!("/v1/runs/{run}/events"), &event).await;
        if let Some(status) = end {
            finish(&world, &run, &lease, json!({"status": status, "failure": {"message": "no"}})).await;
        }
    }
    world.advance(10);
    outside(&world, &json!({"session_id": "quiet", "profile": "slow"})).await;
    world
}

fn ids(page: &Value) -> String {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|session| session["id"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn sessions_are_listed_active_first_then_unread_then_by_newest_activity() {
    let world = world().await;
    let listed = async |query: &str| ids(&get(&world, &format!("/v1/sessions{query}")).await);
    assert_eq!(listed("").await, "busy quiet new old");
    assert_eq!(listed("?state=all").await, "busy quiet new bad old");
    // To a reader what has something to read stands before what has not.
    assert_eq!(listed("?state=all&reader_id=ada").await, "busy new bad old quiet");
    done(&world, "/v1/sessions/new/read", &json!({"reader_id": "ada"})).await;
    assert_eq!(listed("?state=all&reader_id=ada").await, "busy bad old quiet new");
    assert_eq!(listed("?reader_id=ada").await, "busy bad old quiet new");
    assert_eq!(listed("?state=unread&reader_id=ada").await, "busy bad old");
    assert_eq!(listed("?state=running&reader_id=ada").await, "busy");
    assert_eq!(listed("?state=terminal").await, "bad");
    assert_eq!(listed("?state=idle").await, "quiet new old");
    assert_eq!(listed("?state=all&profile=slow").await, "quiet");
    assert_eq!(listed("?state=unread").await, "");
    assert_eq!(listed("?project=elsewhere").await, "");
}

#[tokio::test]
async fn every_page_of_sessions_goes_on_where_the_last_one_ended() {
    let world = world().await;
    for reader in ["", "&reader_id=ada"] {
        let whole = ids(&get(&world, &format!("/v1/sessions?state=all{reader}")).await);
        for limit in 1..=6 {
            let (mut pages, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = get(&world, &format!("/v1/sessions?state=all&limit={limit}{reader}{cursor}")).await;
                pages.push(ids(&page));
                let Some(next) = page["cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            pages.retain(|page| !page.is_empty());
            assert_eq!(pages.join(" "), whole, "{limit}{reader}");
        }
    }
}

#[tokio::test]
async fn a_session_is_unread_until_its_reader_has_read_it() {
    let world = world().await;
    let seen = async || {
        let session = get(&world, "/v1/sessions/bad?reader_id=ada").await;
        (session["unread"].clone(), session["attention"].clone(), session["active"].clone())
    };
    assert_eq!(seen().await, (json!(true), json!("unread"), json!(false)));
    let read = done(&world, "/v1/sessions/bad/read", &json!({"reader_id": "ada"})).await;
    assert_eq!((&read["unread"], &read["session_id"]), (&json!(false), &json!("bad")));
    assert_eq!(seen().await, (json!(false), json!("read"), json!(false)));
    let ahead = json!({"reader_id": "ada", "revision": 1000});
    assert_eq!(refused(&world, "/v1/sessions/bad/read", &ahead).await.2, "revision");
    assert!(get(&world, "/v1/sessions/bad").await.get("unread").is_none());
    assert_eq!(get(&world, "/v1/sessions/busy").await["attention"], "active");
}

#[tokio::test]
async fn a_trace_is_every_event_and_an_output_what_there_is_to_read() {
    let world = world().await;
    let types = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap().to_owned()).collect()
    };
    let trace = get(&world, "/v1/sessions/bad/trace").await;
    let run = trace["run_id"].as_str().unwrap();
    assert_eq!(trace["last_seq"].as_u64().unwrap(), trace["count"].as_u64().unwrap());
    assert!(types(&trace).contains(&"tool_call".to_owned()), "{trace:#}");
    let output = get(&world, "/v1/sessions/bad/output").await;
    assert_eq!(types(&output), ["assistant_message", "terminal_status"]);
    assert_eq!((&output["cursor"], &output["run_status"]), (&trace["cursor"], &json!("failed")));
    // A page of what was passed over is empty, and goes on.
    let page = get(&world, &format!("/v1/sessions/bad/output?run_id={run}&limit=1")).await;
    assert_eq!((&page["count"], &page["cursor"]), (&json!(0), &json!("1")));
    let another = get(&world, "/v1/runs?session_id=new").await["items"][0]["id"].as_str().unwrap().to_owned();
    let foreign = integration_tests::events::Call::get(&format!("/v1/sessions/bad/trace?run_id={another}"));
    assert_eq!(foreign.answer(&world.app).await.status, 404);
}

#[tokio::test]
async fn a_task_names_the_run_of_its_present_drive_wherever_it_is_shown() {
    let world = World::new();
    for executor in ["worker", "runner"] {
        let run =
            done(&world, "/v1/runs", &json!({"prompt": "x", "executor": executor, "idempotency_key": executor})).await;
        let path = format!("/v1/tasks/{}", run["task_id"].as_str().unwrap());
        assert_eq!(get(&world, &path).await["run_id"], run["id"]);
        assert_eq!(get(&world, "/v1/tasks").await["items"][0]["run_id"], run["id"]);
        assert_eq!(get(&world, "/v1/commander").await["tasks"]["items"][0]["run_id"], run["id"]);
        assert_eq!(done(&world, &format!("{path}/cancel"), &json!({})).await["run_id"], run["id"]);
        let again = done(&world, &format!("{path}/retry"), &json!({})).await["run_id"].clone();
        world.deliver_all().await;
        let runs = get(&world, &format!("/v1/runs?task_id={}", run["task_id"].as_str().unwrap())).await;
        assert_eq!((&runs["count"], &runs["items"][0]["id"]), (&json!(2), &again));
        assert_eq!(get(&world, &path).await["run_id"], again);
        post(&world, &format!("{path}/cancel"), &json!({})).await;
    }
    let enqueued = done(&world, "/v1/tasks", &json!({"task_type": "run_agent", "payload": {"prompt": "x"}})).await;
    world.deliver_all().await;
    assert_eq!(
        get(&world, &format!("/v1/runs/{}", id(&json!({"id": enqueued["run_id"]})))).await["task_id"],
        enqueued["id"]
    );
    let other = done(&world, "/v1/tasks", &json!({"task_type": "scripted", "payload": {}})).await;
    assert!(other.get("run_id").is_none(), "{other:#}");
}

#[tokio::test]
async fn a_task_says_where_its_run_is_followed() {
    let world = World::new();
    let followed = async |task: &Value| {
        let task = get(&world, &format!("/v1/tasks/{}", task.as_str().unwrap())).await;
        let session = get(&world, task["session_path"].as_str().unwrap_or_else(|| panic!("{task:#}"))).await;
        id(&session)
    };
    for executor in ["worker", "runner"] {
        let named = json!({"prompt": "x", "executor": executor, "session_id": format!("s-{executor}")});
        let run = done(&world, "/v1/runs", &named).await;
        assert_eq!(followed(&run["task_id"]).await, format!("s-{executor}"));
        let run = done(&world, "/v1/runs", &json!({"prompt": "x", "executor": executor})).await;
        assert_eq!(json!(followed(&run["task_id"]).await), run["session_id"]);
    }
    // One that was enqueued as any task has a session once it is taken up.
    let task = done(&world, "/v1/tasks", &json!({"task_type": "run_agent", "payload": {"prompt": "x"}})).await;
    world.deliver_all().await;
    assert_eq!(json!(followed(&task["id"]).await), task["id"]);
    let other = done(&world, "/v1/tasks", &json!({"task_type": "scripted", "payload": {}})).await;
    assert!(other.get("session_path").is_none(), "{other:#}");
}

const DAY: u64 = 24 * 3600;

/// Delivers and polls whatever comes in the next `s` seconds.
async fn live(world: &World, s: u64) {
    let end = world.now() + Duration::from_secs(s);
    loop {
        world.deliver_all().await;
        world.poll().await;
        match world.next().await {
            Some(at) if at <= end => world.clock.set(at.max(world.now())),
            _ => break,
        }
    }
    world.clock.set(end);
}

/// A session that a run has ended in, where they are kept for so many days.
async fn used(session_days: u32) -> World {
    let mut world = World::new();
    let agents = AgentRules { session_days, ..AgentRules::default() };
    let mut settings = Settings::default();
    settings.installation.agents.rules = Arc::new(agents);
    world.set(&settings);
    done(&world, "/v1/runs", &json!({"prompt": "x", "session_id": "s"})).await;
    live(&world, 60).await;
    assert_eq!(get(&world, "/v1/sessions/s").await["execution_state"], "idle");
    world
}

async fn status(world: &World, run: &str) -> Value {
    get(world, &format!("/v1/runs/{run}")).await["status"].clone()
}

/// How often a session was cleaned up.
async fn swept(world: &World) -> usize {
    let tasks = world.tasks().await;
    let cleaned = tasks.iter().filter(|task| task.task_type.as_str() == "cleanup_session");
    cleaned
        .filter(|task| matches!(&task.state, State::Completed { output } if output.as_str().contains("records")))
        .count()
}

#[tokio::test]
async fn a_session_is_kept_for_a_run_that_waits_in_it_and_no_longer() {
    let delayed = |executor: &str, days: u64| json!({"prompt": "x", "session_id": "s", "executor": executor, "delay_s": days * DAY});
    // Begun shortly before its time is over.
    let world = used(30).await;
    live(&world, 29 * DAY + DAY / 2).await;
    let run = id(&done(&world, "/v1/runs", &delayed("worker", 1)).await);
    live(&world, 2 * DAY).await;
    assert_eq!(status(&world, &run).await, "completed");
    world.drain().await;
    assert_eq!(swept(&world).await, 1);

    let world = used(30).await;
    live(&world, 29 * DAY + DAY / 2).await;
    let run = id(&done(&world, "/v1/runs", &delayed("runner", 1)).await);
    live(&world, 7 * DAY).await;
    claim(&world, &run, "r").await;

    // The time that it waits for a runner may be longer than its session's.
    let world = used(1).await;
    let run = id(&done(&world, "/v1/runs", &delayed("runner", 0)).await);
    live(&world, 6 * DAY).await;
    claim(&world, &run, "r").await;

    // Begun for a time later than the session would have been kept for after another run.
    let world = used(30).await;
    let run = id(&done(&world, "/v1/runs", &delayed("worker", 50)).await);
    live(&world, DAY).await;
    let other = id(&done(&world, "/v1/runs", &delayed("worker", 0)).await);
    live(&world, 60 * DAY).await;
    assert_eq!((status(&world, &other).await, status(&world, &run).await), (json!("completed"), json!("completed")));

    // Called off: it is kept as long as if it had been done, and no longer.
    let world = used(30).await;
    let run = id(&done(&world, "/v1/runs", &delayed("worker", 50)).await);
    done(&world, &format!("/v1/runs/{run}/cancel"), &json!({})).await;
    live(&world, 79 * DAY).await;
    assert_eq!(swept(&world).await, 0);
    live(&world, 2 * DAY).await;
    assert_eq!(swept(&world).await, 1);
}
