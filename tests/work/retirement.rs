//! Types that are retired: their tasks come to their ends, or are cancelled, and then the type is removed.

use errand::{
    Name, Status, Task, TaskKey,
    spi::store::{self, DueItem},
};
use integration_tests::{
    crash::at_every_call,
    events::{Answered, Call},
    world::{World, id_of},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ask, claim_one, code, enqueue, finish, outcomes, put, world};

/// How long a type is there at least.
const SETTLES_S: u64 = 300;

async fn retire(world: &World, force: bool) -> Answered {
    let path = if force { "/v1/task-types/resize?force=true" } else { "/v1/task-types/resize" };
    Call::to("DELETE", path).answer(&world.app).await
}

async fn shown(world: &World) -> Answered {
    Call::get("/v1/task-types/resize").answer(&world.app).await
}

/// Polls for so long, twice a minute.
async fn polled(world: &World, minutes: u64) {
    for _ in 0..2 * minutes {
        world.advance(30);
        world.poll().await;
    }
}

/// One that waits in this queue.
async fn deferred(world: &World, queue: &str) -> Uuid {
    let later = json!({"task_type": "resize", "payload": {}, "delay_s": 864_000, "queue": queue});
    id_of(&ask(world, "/v1/tasks", later).await.body(201))
}

/// A task of another tenant, which has a type of this name, too.
async fn of_another_tenant(world: &World) -> TaskKey {
    let theirs = |call: Call| call.header("x-errand-tenant", "other");
    theirs(Call::put("/v1/task-types/resize", &json!({"run": {"kind": "worker"}}))).answer(&world.app).await.body(201);
    let request = json!({"task_type": "resize", "payload": {}});
    let made = theirs(Call::post("/v1/tasks", &request)).answer(&world.app).await.body(201);
    TaskKey { tenant: Name::of("other"), id: id_of(&made) }
}

async fn read(world: &World, key: &TaskKey) -> Task {
    store::task(&*world.app.store, key).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_type_is_removed_once_none_of_its_tasks_is_open() {
    let world = world().await;
    enqueue(&world, json!({})).await;
    let later = deferred(&world, "other").await;
    retire(&world, false).await.body(200);
    let claimed = claim_one(&world).await;
    polled(&world, 10).await;
    assert!(shown(&world).await.body(200)["retired_at"].is_string(), "one is held, one waits");
    assert_eq!(finish(&world.app, &claimed, json!({"status": "completed"})).await.status, 409, "its worker was lost");
    let claimed = claim_one(&world).await;
    finish(&world.app, &claimed, json!({"status": "completed"})).await.body(200);
    polled(&world, 90).await;
    assert!(shown(&world).await.body(200)["retired_at"].is_string(), "one waits");
    ask(&world, &format!("/v1/tasks/{later}/cancel"), json!({})).await.body(200);
    polled(&world, 120).await;
    assert_eq!(code(&shown(&world).await), (404, "not_found"));
    assert_eq!(code(&retire(&world, false).await), (404, "not_found"));
    let all = Call::get("/v1/task-types").answer(&world.app).await.body(200);
    assert!(all["items"].as_array().unwrap().iter().all(|shown| shown["name"] != "resize"));
    // Another may have its name, and be of another sort.
    let http = json!({"run": {"kind": "http", "url": "http://127.0.0.1:9/"}});
    let made = put(&world.app, "resize", &http).await.body(201);
    assert!(made["signing_secret"].is_string() && made.get("retired_at").is_none());
    enqueue(&world, json!({})).await;
    polled(&world, 10).await;
    shown(&world).await.body(200);
}

#[tokio::test]
async fn a_type_is_not_removed_while_others_may_still_take_its_tasks() {
    let world = world().await;
    retire(&world, false).await.body(200);
    world.advance(SETTLES_S - 1);
    world.poll().await;
    shown(&world).await.body(200);
    world.advance(1);
    world.poll().await;
    assert_eq!(shown(&world).await.status, 404);
}

#[tokio::test]
async fn by_force_all_that_is_open_is_cancelled_and_nobody_elses() {
    let world = world().await;
    let other = of_another_tenant(&world).await;
    let before = read(&world, &other).await;
    let mut mine = vec![enqueue(&world, json!({})).await];
    let held = claim_one(&world).await;
    mine.push(deferred(&world, "q").await);
    let beside = world.enqueue(&json!({"task_type": "scripted", "payload": {}, "delay_s": 864_000})).await;
    retire(&world, true).await.body(200);
    world.poll().await;
    for id in mine {
        assert_eq!(world.task(id).await.status(), Status::Cancelled);
        let log = world.log(id).await;
        assert_eq!((log.len(), log[0].by.as_deref()), (1, Some("local")), "{log:#?}");
        assert_eq!(log[0].reason.as_deref(), Some("its type is retired"));
    }
    assert_eq!(read(&world, &other).await, before);
    assert_eq!(world.task(beside).await.status(), Status::Pending);
    assert_eq!(finish(&world.app, &held, json!({"status": "completed"})).await.status, 409);
    polled(&world, 20).await;
    assert_eq!(shown(&world).await.status, 404);
    let theirs = Call::get("/v1/task-types/resize").header("x-errand-tenant", "other").answer(&world.app).await;
    assert!(theirs.body(200).get("retired_at").is_none());
}

#[tokio::test]
async fn what_is_wrong_with_force_is_said() {
    let world = world().await;
    let answer = Call::to("DELETE", "/v1/task-types/resize?force=yes").answer(&world.app).await;
    assert_eq!((answer.status, &answer.body["error"]["field"]), (400, &json!("force")));
}

#[tokio::test]
async fn a_type_that_is_put_again_stays_and_no_more_is_cancelled() {
    let world = world().await;
    // More than one look takes.
    for _ in 0..11 {
        let tasks: Vec<Value> = (0..100).map(|n| json!({"task_type": "resize", "payload": {"n": n}})).collect();
        ask(&world, "/v1/tasks/batch", json!({"tasks": tasks})).await.body(200);
    }
    let open = async || world.tasks().await.iter().filter(|task| !task.status().is_ended()).count();
    retire(&world, true).await.body(200);
    world.poll().await;
    assert_eq!(open().await, 100, "some pages a look");
    put(&world.app, "resize", &json!({})).await.body(200);
    polled(&world, 20).await;
    assert_eq!(open().await, 100);
    assert!(shown(&world).await.body(200).get("retired_at").is_none());
    // To ask for less does not take back what was asked for.
    retire(&world, true).await.body(200);
    retire(&world, false).await.body(200);
    polled(&world, 20).await;
    assert_eq!((open().await, shown(&world).await.status), (0, 404));
}

#[tokio::test]
async fn whoever_retires_a_type_by_force_may_end_anywhere() {
    let prepare = async || {
        let world = world().await;
        let other = of_another_tenant(&world).await;
        let held = enqueue(&world, json!({})).await;
        claim_one(&world).await;
        let mine = [held, deferred(&world, "a").await, deferred(&world, "b").await];
        (world, mine, other)
    };
    at_every_call(
        prepare,
        async |(world, ..), faults| {
            let app = faults.around(&world.app);
            let retiring = async {
                let answer = Call::to("DELETE", "/v1/task-types/resize?force=true").answer(&app).await;
                for wait_s in [0, SETTLES_S + 1] {
                    world.advance(wait_s);
                    poller::handle(&app, None).await;
                }
                answer.status
            };
            world.run_unless(|| faults.crashed(), retiring).await;
        },
        async |(world, mine, other)| {
            // Without an answer it is asked for again.
            if shown(world).await.status == 200 {
                retire(world, true).await.body(200);
            }
            polled(world, 20).await;
            assert_eq!(shown(world).await.status, 404);
            assert_eq!(read(world, other).await.status(), Status::Pending);
            for id in mine {
                let log = world.log(*id).await;
                assert_eq!(world.task(*id).await.status(), Status::Cancelled);
                assert_eq!(outcomes(&log).iter().filter(|outcome| **outcome == "cancelled").count(), 1, "{log:#?}");
            }
            // Nothing is left to be looked after.
            let until = world.now() + std::time::Duration::from_secs(86_400);
            let due = world.app.store.due(0, until, 100).await.unwrap();
            assert!(due.iter().all(|due| matches!(due.item, DueItem::Task(_))), "{due:#?}");
        },
    )
    .await;
}
