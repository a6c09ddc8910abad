//! Watching an installation: counts, the commander's snapshot, read marks, health.

use errand::spi::store::{HOUR, PAST_DAY, begin_of};
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};
use uuid::Uuid;

async fn get(world: &World, path: &str) -> Value {
    Call::get(path).answer(&world.app).await.body(200)
}

async fn refused(world: &World, call: Call) -> (u16, String) {
    let (status, _, field, _) = call.answer(&world.app).await.error();
    (status, field)
}

/// Marks a task as read by `reader`; what was answered.
async fn read(world: &World, id: Uuid, body: &Value) -> Value {
    Call::post(&format!("/v1/tasks/{id}/read"), body).answer(&world.app).await.body(200)
}

async fn enqueue(world: &World, priority: &str, more: &Value) -> Uuid {
    let mut request = json!({"task_type": "scripted", "payload": {}, "priority": priority});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.enqueue(&request).await
}

#[tokio::test]
async fn a_queues_stats_tell_what_waits_what_ended_and_how_fast() {
    let world = World::new();
    for lane in ["a", "a", "b"] {
        enqueue(&world, "medium", &json!({"lane": lane})).await;
    }
    world.scripted(&json!({"acts": [{"fail_for_good": "no"}]})).await;
    world.drain().await;
    let ended_at = world.now();
    world.advance(5);
    let due_since = world.now();
    enqueue(&world, "low", &json!({"lane": "b"})).await;
    enqueue(&world, "high", &json!({"delay_s": 600})).await;
    world.advance(60);

    let stats = get(&world, "/v1/queues/default/stats").await;
    let counts = |completed: u64, failed: u64, pending: u64| json!({"pending": pending, "running": 0, "waiting": 0, "completed": completed, "failed": failed, "cancelled": 0, "blocked": 0});
    assert_eq!(
        (&stats["pending"], &stats["open"], &stats["completed"]),
        (&json!(2), &json!(2), &json!(3)),
        "{stats:#}"
    );
    assert_eq!(stats["lanes"], json!({"a": counts(2, 0, 0), "b": counts(1, 0, 1), "default": counts(0, 1, 1)}));
    assert_eq!(stats["types"], json!({"scripted": counts(3, 1, 2)}));
    assert_eq!((&stats["processed"], &stats["success_rate"]), (&json!(4), &json!(0.75)));
    assert_eq!((&stats["oldest_due_at"], &stats["last_processed_at"]), (&json!(due_since), &json!(ended_at)));
    let hours = &stats["last_hours"];
    assert_eq!((&hours["completed"], &hours["failed"], &hours["success_rate"]), (&json!(3), &json!(1), &json!(0.75)));
    let per_hour = hours["processed_per_hour"].as_f64().unwrap();
    assert!((2.0..=4.0).contains(&per_hour), "{per_hour}");
    // Six tasks were pending, four of them then running and ended.
    assert_eq!(stats["revision"], 14);
}

#[tokio::test]
async fn every_queue_of_the_tenant_is_listed_page_by_page() {
    let world = World::new();
    for (project, queue) in [("p", "b"), ("p", "a"), ("default", "z"), ("p", "a")] {
        enqueue(&world, "medium", &json!({"project": project, "queue": queue})).await;
    }
    let page = get(&world, "/v1/queues?limit=2").await;
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|q| format!("{}/{} {}", q["project"], q["queue"], q["pending"])).collect()
    };
    assert_eq!(names(&page), [r#""default"/"z" 1"#, r#""p"/"a" 2"#]);
    let rest = get(&world, &format!("/v1/queues?limit=2&cursor={}", page["cursor"].as_str().unwrap())).await;
    assert_eq!((names(&rest), &rest["cursor"]), (vec![r#""p"/"b" 1"#.to_owned()], &Value::Null));
    assert_eq!(refused(&world, Call::get("/v1/queues?cursor=x")).await, (400, "cursor".to_owned()));
    let other = Call::get("/v1/queues").header("x-errand-tenant", "other").answer(&world.app).await.body(200);
    assert_eq!(other["count"], 0);
}

#[tokio::test]
async fn a_day_is_told_as_a_plot_shows_it() {
    let world = World::new();
    for _ in 0..2 {
        enqueue(&world, "medium", &json!({})).await;
    }
    world.drain().await;
    let told = get(&world, "/v1/history").await;
    let ends = |how: &str| -> Vec<u64> { serde_json::from_value(told[how].clone()).unwrap() };
    let (completed, hour) = (ends("completed"), begin_of(world.now(), HOUR));
    assert_eq!((completed.len(), completed.last(), completed.iter().sum()), (24, Some(&2), 2), "{told}");
    assert_eq!((ends("failed"), ends("cancelled")), (vec![0; 24], vec![0; 24]));
    assert_eq!((&told["bucket_s"], &told["since"]), (&json!(3600), &json!(hour + HOUR - PAST_DAY)));
    let other = Call::get("/v1/history").header("x-errand-tenant", "other").answer(&world.app).await.body(200);
    assert_eq!(other["completed"], json!(vec![0; 24]));
}

#[tokio::test]
async fn the_commander_sees_the_first_open_tasks_and_what_is_new_to_it() {
    let world = World::new();
    let low = enqueue(&world, "low", &json!({})).await;
    let urgent = enqueue(&world, "urgent", &json!({})).await;
    for _ in 0..20 {
        enqueue(&world, "medium", &json!({"delay_s": 60})).await;
    }
    enqueue(&world, "urgent", &json!({"queue": "other"})).await;
    let ids = |shown: &Value| -> Vec<String> {
        shown["tasks"]["items"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect()
    };
    let shown = get(&world, "/v1/commander?queue=default").await;
    assert_eq!((shown["tasks"]["count"].as_u64(), &ids(&shown)[0]), (Some(20), &urgent.to_string()));
    assert_eq!((&shown["stats"]["pending"], &shown["stats"]["queue"]), (&json!(22), &json!("default")));
    assert!(shown.get("unread").is_none() && shown["tasks"]["items"][0].get("unread").is_none(), "{shown:#}");
    // The cursor goes on in the list.
    let rest = get(&world, &format!("/v1/tasks?cursor={}", shown["tasks"]["cursor"].as_str().unwrap())).await;
    assert_eq!((&rest["count"], &rest["items"][1]["id"]), (&json!(2), &json!(low)));

    let commander = async || get(&world, "/v1/commander?queue=default&reader_id=ada").await;
    assert_eq!(commander().await["unread"], 20);
    let marked = read(&world, urgent, &json!({"reader_id": "ada"})).await;
    assert_eq!((&marked["unread"], &marked["revision"]), (&json!(false), &json!(world.task(urgent).await.revision)));
    let shown = commander().await;
    assert_eq!((&shown["unread"], &shown["tasks"]["items"][0]["unread"]), (&json!(19), &json!(false)));
    assert_eq!(shown["tasks"]["items"][1]["unread"], true);
    assert_eq!(get(&world, "/v1/commander?reader_id=bob").await["unread"], 20);
    // Whatever changes is unread again.
    let later = json!({"run_at": world.now()});
    Call::post(&format!("/v1/tasks/{urgent}/reschedule"), &later).answer(&world.app).await.body(200);
    let shown = commander().await;
    assert_eq!((&shown["unread"], &shown["tasks"]["items"][0]["unread"]), (&json!(20), &json!(true)));
}

#[tokio::test]
async fn a_read_mark_never_moves_back_nor_ahead_of_its_task() {
    let world = World::new();
    let id = enqueue(&world, "medium", &json!({})).await;
    world.drain().await;
    let newest = world.task(id).await.revision;
    assert!(newest >= 2, "{newest}");
    let mark = async |revision: Option<u64>| {
        let marked = read(&world, id, &json!({"reader_id": "ada", "revision": revision})).await;
        (marked["revision"].as_u64().unwrap(), marked["unread"].as_bool().unwrap())
    };
    assert_eq!(mark(Some(1)).await, (1, true));
    assert_eq!(mark(None).await, (newest, false));
    assert_eq!(mark(Some(1)).await, (newest, false));
    let path = format!("/v1/tasks/{id}/read");
    let ahead = Call::post(&path, &json!({"reader_id": "ada", "revision": newest + 1}));
    assert_eq!(refused(&world, ahead).await, (400, "revision".to_owned()));
    assert_eq!(refused(&world, Call::post(&path, &json!({"reader_id": "a b"}))).await, (400, "reader_id".to_owned()));
    assert_eq!(refused(&world, Call::post(&path, &json!({}))).await.0, 400);
    let elsewhere = Call::post(&path, &json!({"reader_id": "ada"})).header("x-errand-tenant", "other");
    assert_eq!(refused(&world, elsewhere).await.0, 404);
    assert_eq!(refused(&world, Call::get("/v1/commander?reader_id=a%20b")).await, (400, "reader_id".to_owned()));
}

#[tokio::test]
async fn health_tells_how_long_work_waits_and_what_was_processed() {
    let world = World::new();
    world.scripted(&json!({})).await;
    world.drain().await;
    let due = world.now();
    world.scripted(&json!({})).await;
    world.advance(30);
    let health = get(&world, "/v1/health").await;
    assert_eq!((&health["oldest_due_at"], &health["version"]), (&json!(due), &json!(env!("CARGO_PKG_VERSION"))));
    let tasks = &health["tasks"];
    assert_eq!((&tasks["processed"], &tasks["succeeded"], &tasks["failed"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!((&tasks["pending"], &tasks["success_rate"]), (&json!(1), &json!(1.0)));
    assert!(
        tasks["last_hours"]["processed_per_hour"].as_f64().unwrap() > 0.0 && tasks["last_processed_at"].is_string()
    );
}
