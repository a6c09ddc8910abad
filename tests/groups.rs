//! Groups as they are asked for over HTTP, on every store: made, waited for, added to, called off, followed.

mod shown;

use std::time::Duration;

use errand::{
    Status, Task,
    spi::{
        poller,
        queue::QueueName,
        store::{Related, RelationKind},
    },
};
use integration_tests::{
    crash,
    events::Call,
    faults::{Fault, Faults},
    in_memory::process,
    world::{World, id_of},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::redrive::worlds;

/// Delivers what there is and polls, until nothing comes of it any more. The clock stands: it is moved by hand, since these
/// stores do not wait by it.
async fn settle(world: &World) {
    for _ in 0..200 {
        let mut any = false;
        for queue in QueueName::WORK {
            let received = world.queue.receive(queue, 10, Duration::from_secs(60));
            any |= !received.is_empty();
            process(&world.app, &world.queue, queue, received).await;
        }
        let report = poller::handle(&world.app, None).await;
        if !any && report.acted() == 0 {
            return;
        }
    }
    panic!("never quiet: {:#?}", world.tasks().await);
}

/// On so many seconds, and all that comes then.
async fn later(world: &World, s: u64) {
    world.advance(s);
    settle(world).await;
}

async fn post(world: &World, path: &str, body: &Value) -> Value {
    let answer = Call::post(path, body).answer(&world.app).await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
    answer.body
}

async fn get(world: &World, path: &str) -> Value {
    Call::get(path).answer(&world.app).await.body(200)
}

fn task(payload: Value) -> Value {
    json!({"task_type": "scripted", "payload": payload})
}

fn ends() -> Value {
    task(json!({}))
}

fn fails() -> Value {
    task(json!({"acts": [{"fail_for_good": "no"}]}))
}

fn waits(s: u64) -> Value {
    task(json!({"acts": [{"snooze": s}, "complete"]}))
}

/// The statuses of a group's members, page by page.
async fn members(world: &World, group: &Value) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/groups/{}/tasks?limit=100{cursor}", group["id"].as_str().unwrap());
        let page = get(world, &path).await;
        let status = |item: &Value| item["task"]["status"].as_str().unwrap().to_owned();
        all.extend(page["items"].as_array().unwrap().iter().map(status));
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn group(world: &World, made: &Value) -> Value {
    get(world, &format!("/v1/groups/{}", made["id"].as_str().unwrap())).await
}

/// The task that was made with this queue: there is one.
async fn in_queue(world: &World, queue: &str) -> Task {
    let found = get(world, &format!("/v1/tasks?queue={queue}&status=all")).await;
    world.task(id_of(&found["items"][0])).await
}

fn named(mut task: Value, queue: &str) -> Value {
    task["queue"] = queue.into();
    task
}

#[tokio::test]
async fn what_is_to_follow_begins_once_all_have_ended_and_by_how() {
    for (world, _files) in worlds().await {
        let body = json!({
            "tasks": [ends(), waits(600), fails()],
            "then": named(ends(), "then"),
            "on_success": named(ends(), "success"),
            "on_failure": named(ends(), "failure"),
        });
        let made = post(&world, "/v1/groups", &body).await;
        assert_eq!((&made["status"], &made["total"]), (&json!("open"), &json!(3)));
        settle(&world).await;
        let seen = group(&world, &made).await;
        assert_eq!((&seen["status"], &seen["ended"], &seen["failed"]), (&json!("open"), &json!(2), &json!(1)));
        let on: Vec<&Value> = seen["waiters"].as_array().unwrap().iter().map(|waiter| &waiter["on"]).collect();
        assert_eq!(on, ["end", "success", "failure"]);
        assert_eq!(seen["waiters"][2]["task"], json!(in_queue(&world, "failure").await.key.id));
        assert_eq!(get(&world, "/v1/groups").await["items"], json!([seen]), "a list says the same of a small one");
        for queue in ["then", "success", "failure"] {
            let waiting = in_queue(&world, queue).await;
            assert_eq!((waiting.status(), waiting.waits_for()), (Status::Waiting, Some(id_of(&made))));
        }
        later(&world, 600).await;
        let seen = group(&world, &made).await;
        assert_eq!((&seen["status"], &seen["ended"], &seen["over"]), (&json!("failed"), &json!(3), &json!(true)));
        let statuses = ["then", "success", "failure"].map(|queue| in_queue(&world, queue));
        let statuses = futures::future::join_all(statuses).await;
        let statuses: Vec<Status> = statuses.iter().map(Task::status).collect();
        assert_eq!(statuses, [Status::Completed, Status::Cancelled, Status::Completed]);
        assert_eq!(members(&world, &made).await, ["completed", "completed", "failed"]);
    }
}

#[tokio::test]
async fn a_group_is_made_once_under_its_key() {
    for (world, _files) in worlds().await {
        let body = json!({"task": {"task_type": "scripted"}, "items": vec![json!({}); 120]});
        let call = || Call::post("/v1/groups", &body).header("idempotency-key", "nightly");
        let made = call().answer(&world.app).await.body(201);
        settle(&world).await;
        let again = call().answer(&world.app).await.body(200);
        assert_eq!((&again["id"], &again["status"]), (&made["id"], &json!("completed")));
        assert_eq!(members(&world, &made).await, vec!["completed"; 120]);
        let other = Call::post("/v1/groups", &json!({"tasks": [ends()]})).header("idempotency-key", "nightly");
        other.answer(&world.app).await.body(409);
    }
}

#[tokio::test]
async fn groups_are_listed_newest_first_and_not_what_only_another_follows() {
    for (world, _files) in worlds().await {
        let mut made = Vec::new();
        for size in [1, 120, 2] {
            made.push(post(&world, "/v1/groups", &json!({"tasks": vec![waits(600); size]})).await);
            world.advance(1);
        }
        let payload = json!({"acts": [{"fan_out": 3}], "member": {"acts": [{"snooze": 600}]}});
        let parent = id_of(&post(&world, "/v1/tasks", &task(payload)).await);
        let (mut first, mut follows) = (waits(600), ends());
        (first["name"], follows["after"]) = ("a".into(), json!(["a"]));
        let chain = json!({"tasks": [first, follows]});
        post(&world, "/v1/tasks/batch", &chain).await;
        settle(&world).await;

        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&world, &format!("/v1/groups?limit=1{cursor}")).await;
            listed.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let totals: Vec<&Value> = listed.iter().map(|group| &group["total"]).collect();
        assert_eq!(totals, [3, 2, 120, 1]);
        assert_eq!(listed[0]["waiters"], json!([{"task": parent, "on": "end"}]));
        assert_eq!((&listed[3]["id"], &listed[1]["id"]), (&made[0]["id"], &made[2]["id"]));
    }
}

#[tokio::test]
async fn members_are_added_while_it_is_open_and_once_under_a_key() {
    for (world, _files) in worlds().await {
        // The last part is full but for one, and its size grows beyond it.
        let mut tasks = vec![ends(); 99];
        tasks.push(waits(60));
        let made = post(&world, "/v1/groups", &json!({"tasks": tasks, "then": named(ends(), "then")})).await;
        settle(&world).await;
        let path = format!("/v1/groups/{}/tasks", made["id"].as_str().unwrap());
        let add = || Call::post(&path, &json!({"tasks": [waits(120), ends()]})).header("idempotency-key", "more");
        assert_eq!(add().answer(&world.app).await.body(200)["total"], 102);
        assert_eq!(add().answer(&world.app).await.body(200)["total"], 102);
        later(&world, 60).await;
        assert_eq!(group(&world, &made).await["status"], "open");
        later(&world, 120).await;
        assert_eq!(group(&world, &made).await["status"], "completed");
        assert_eq!(in_queue(&world, "then").await.status(), Status::Completed);
        Call::post(&path, &json!({"tasks": [ends()]})).answer(&world.app).await.body(409);
    }
}

#[tokio::test]
async fn members_end_with_a_group_that_is_called_off() {
    for (world, _files) in worlds().await {
        let body = json!({"tasks": vec![waits(3600); 130], "then": named(ends(), "then")});
        let made = post(&world, "/v1/groups", &body).await;
        settle(&world).await;
        let path = format!("/v1/groups/{}/cancel", made["id"].as_str().unwrap());
        assert_eq!(post(&world, &path, &json!({})).await["status"], "cancelled");
        // A hundred at once, the others, and that none is left.
        for _ in 0..3 {
            later(&world, 3).await;
        }
        let seen = group(&world, &made).await;
        assert_eq!((&seen["status"], &seen["over"], &seen["ended"]), (&json!("cancelled"), &json!(true), &json!(130)));
        assert_eq!(members(&world, &made).await, vec!["cancelled"; 130]);
        assert_eq!(in_queue(&world, "then").await.status(), Status::Completed, "however it ended");
    }
}

#[tokio::test]
async fn a_task_makes_many_and_waits_for_them() {
    for (world, _files) in worlds().await {
        let payload = json!({"acts": [{"fan_out": 105}], "member": {"mark": "m"}, "mark": "p"});
        let parent = id_of(&post(&world, "/v1/tasks", &task(payload)).await);
        settle(&world).await;
        let task = world.task(parent).await;
        let said = json!({"group": "completed", "total": 105, "failed": 0});
        assert_eq!((task.output(), task.executions), (Some(said), 2), "{task:#?}");
        assert_eq!((world.marks("m").await, world.marks("p").await), (105, 1));
    }
}

/// A batch: a name, what it follows, and what it does.
fn batch(tasks: &[(&str, &[&str], Value)]) -> Value {
    let task = |(name, after, task): &(&str, &[&str], Value)| {
        let mut task = named(task.clone(), name);
        task["name"] = (*name).into();
        task["after"] = json!(after);
        task
    };
    json!({"tasks": tasks.iter().map(task).collect::<Vec<_>>()})
}

async fn statuses(world: &World, queues: &[&str]) -> Vec<Status> {
    let mut all = Vec::new();
    for queue in queues {
        all.push(in_queue(world, queue).await.status());
    }
    all
}

#[tokio::test]
async fn tasks_of_a_batch_follow_each_other() {
    use Status::{Cancelled, Completed, Failed, Pending, Waiting};
    for (world, _files) in worlds().await {
        let diamond =
            batch(&[("a", &[], ends()), ("b", &["a"], waits(60)), ("c", &["a"], ends()), ("d", &["b", "c"], ends())]);
        let call = || Call::post("/v1/tasks/batch", &diamond).header("idempotency-key", "diamond");
        let first = call().answer(&world.app).await.body(200);
        assert_eq!(first["items"][3]["task"]["status"], "waiting");
        settle(&world).await;
        assert_eq!(statuses(&world, &["a", "b", "c", "d"]).await, [Completed, Pending, Completed, Waiting]);
        let again = call().answer(&world.app).await.body(200);
        assert_eq!(again["items"][3]["task"]["deduplicated"], true);
        later(&world, 60).await;
        assert_eq!(statuses(&world, &["a", "b", "c", "d"]).await, [Completed; 4]);

        let chain = batch(&[("e", &[], fails()), ("f", &["e"], ends()), ("g", &["f"], ends())]);
        post(&world, "/v1/tasks/batch", &chain).await;
        settle(&world).await;
        assert_eq!(statuses(&world, &["e", "f", "g"]).await, [Failed, Cancelled, Cancelled]);
    }
}

#[tokio::test]
async fn what_follows_nothing_that_is_taken_is_refused() {
    let world = World::new();
    let wrong = task(json!({"acts": "none"}));
    let odd = batch(&[("a", &[], wrong), ("b", &["a"], ends()), ("c", &["d"], ends()), ("d", &[], ends())]);
    let answer = post(&world, "/v1/tasks/batch", &odd).await;
    let codes: Vec<_> = answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_u64()).collect();
    assert_eq!(codes, [Some(400), Some(400), Some(400), Some(201)], "{answer}");
    let alone = Call::post("/v1/tasks", &json!({"task_type": "scripted", "payload": {}, "after": ["a"]}));
    assert_eq!(alone.answer(&world.app).await.body(400)["error"]["field"], "after");
}

/// At every place of the making, whatever goes wrong; asked again, what was begun goes on.
#[tokio::test]
async fn a_making_that_breaks_off_goes_on_when_it_is_asked_for_again() {
    let body = json!({"tasks": vec![ends(); 3], "then": named(ends(), "then")});
    let call = || Call::post("/v1/groups", &body).header("idempotency-key", "k");
    crash::at_every_call(
        async || World::new(),
        async |world, faults| {
            let app = faults.around(&world.app);
            world.run_unless(|| faults.crashed(), call().answer(&app)).await;
        },
        async |world| {
            let again = world.run(call().answer(&world.app)).await;
            assert!(matches!(again.status, 200 | 201), "{}", again.body);
            world.drain().await;
            assert_eq!(members(world, &again.body).await, vec!["completed"; 3]);
            assert_eq!(in_queue(world, "then").await.status(), Status::Completed);
        },
    )
    .await;
}

#[tokio::test]
async fn a_making_that_nobody_goes_on_with_is_called_off() {
    let body = json!({"tasks": vec![waits(7200); 3], "then": named(ends(), "then")});
    crash::at_every_call(
        async || World::new(),
        async |world, faults| {
            let app = faults.around(&world.app);
            world.run_unless(|| faults.crashed(), Call::post("/v1/groups", &body).answer(&app)).await;
        },
        async |world| {
            world.drain().await;
            for task in world.tasks().await {
                assert!(task.status().is_ended(), "{task:#?}");
            }
        },
    )
    .await;
}

/// A task that has made a group of three and runs on: its worker stands still at the call by which it would begin to wait.
async fn running_with_its_group() -> (World, Uuid) {
    for nth in 0.. {
        let world = World::new();
        let payload = json!({"acts": [{"fan_out": 3}], "member": {"acts": [{"snooze": 7200}, "complete"]}});
        let parent = id_of(&post(&world, "/v1/tasks", &task(payload)).await);
        let faults = Faults::at(nth, Fault::CrashBefore);
        let app = faults.around(&world.app);
        let received = world.queue.receive(QueueName::WORK[2], 10, Duration::from_secs(60));
        let work = process(&app, &world.queue, QueueName::WORK[2], received);
        world.run_unless(|| faults.crashed(), work).await;
        let runs = world.task(parent).await.status() == Status::Running;
        let sealed = groups_of(&world, parent).await.first().is_some_and(|doc| doc.get("sealed") == Some(&json!(true)));
        if runs && sealed {
            return (world, parent);
        }
    }
    unreachable!("it ends")
}

/// What the store has of the groups that a task has made.
async fn groups_of(world: &World, parent: Uuid) -> Vec<errand::Doc> {
    let (kind, of) = (errand::Name::of("group"), errand::Id::from(parent));
    let related = Related { tenant: errand::Name::default(), kind, by: RelationKind::Parent, of, newest_first: true };
    let page = world.app.store.records(&related, None, 10).await.unwrap();
    page.items.into_iter().map(|record| record.doc).collect()
}

#[tokio::test]
async fn a_task_that_is_cancelled_while_it_runs_takes_its_group_with_it() {
    crash::at_every_call(
        running_with_its_group,
        async |(world, parent), faults| {
            let app = faults.around(&world.app);
            let cancel = Call::post(&format!("/v1/tasks/{parent}/cancel"), &json!({}));
            world.run_unless(|| faults.crashed(), cancel.answer(&app)).await;
            let [group] = groups_of(world, *parent).await.try_into().unwrap();
            let is_cancelled = world.task(*parent).await.status() == Status::Cancelled;
            assert_eq!(is_cancelled, group.get("closed") == Some(&json!("cancelled")), "in one commit: {group:?}");
        },
        async |(world, parent)| {
            let cancel = Call::post(&format!("/v1/tasks/{parent}/cancel"), &json!({}));
            world.run(cancel.answer(&world.app)).await;
            for _ in 0..5 {
                world.advance(2);
                world.poll().await;
                world.deliver_all().await;
            }
            let tasks = world.tasks().await;
            assert_eq!(tasks.iter().map(Task::status).collect::<Vec<_>>(), [Status::Cancelled; 4]);
        },
    )
    .await;
}

#[tokio::test]
async fn the_cancel_of_a_task_that_made_no_group_reads_no_list_before_it_was_begun() {
    let calls = async |begun: bool| {
        let world = World::new();
        let payload = json!({"acts": [if begun { json!("hang") } else { json!("complete") }]});
        let id = id_of(&post(&world, "/v1/tasks", &task(payload)).await);
        if begun {
            let faults = Faults::at(usize::MAX, Fault::Unavailable);
            let received = world.queue.receive(QueueName::WORK[2], 10, Duration::from_secs(60));
            let app = faults.around(&world.app);
            let mut work = Box::pin(process(&app, &world.queue, QueueName::WORK[2], received));
            for _ in 0..20 {
                assert!(futures::poll!(work.as_mut()).is_pending());
            }
            assert_eq!(world.task(id).await.status(), Status::Running);
        }
        let faults = Faults::at(usize::MAX, Fault::Unavailable);
        let app = faults.around(&world.app);
        Call::post(&format!("/v1/tasks/{id}/cancel"), &json!({})).answer(&app).await.body(200);
        faults.calls()
    };
    assert_eq!(calls(true).await, calls(false).await + 1);
}

/// The bodies of the requests that the page shows, in their order.
fn shown() -> Vec<Value> {
    let page = include_str!("../docs/groups.md");
    let bodies = page.split("-d '").skip(1).filter_map(|rest| rest.split_once("'\n"));
    bodies.map(|(body, _)| serde_json::from_str(body).unwrap()).collect()
}

#[tokio::test]
async fn what_the_page_shows_is_taken() {
    let world = World::new();
    for name in ["resize", "publish", "fetch", "index", "notify"] {
        let put = Call::put(&format!("/v1/task-types/{name}"), &json!({"run": {"kind": "worker"}}));
        put.answer(&world.app).await.body(201);
    }
    let shown = shown();
    let [group, batch] = shown.as_slice() else { panic!("{shown:?}") };
    let made = post(&world, "/v1/groups", group).await;
    assert_eq!((&made["total"], &made["policy"]), (&json!(3), &json!({"tolerate": 1})));
    let taken = post(&world, "/v1/tasks/batch", batch).await;
    let statuses: Vec<_> = taken["items"].as_array().unwrap().iter().map(|item| &item["task"]["status"]).collect();
    assert_eq!(statuses, ["pending", "waiting", "waiting"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_member_names_it() {
    let world = World::new();
    let common = json!({"task_type": "scripted", "queue": "q"});
    let wrong = [
        (json!({"tasks": [ends(), task(json!({"acts": 1}))]}), "tasks[1].payload.acts"),
        (
            json!({"tasks": [{"task_type": "scripted", "payload": {}, "idempotency_key": "k"}]}),
            "tasks[0].idempotency_key",
        ),
        (json!({"task": common, "items": [{}, {"acts": 1}]}), "items[1].payload.acts"),
        (json!({"task": {"queue": "q"}, "items": [{}]}), "task"),
        (json!({"items": [{}]}), "task"),
        (json!({"tasks": [ends()], "then": task(json!({"acts": 1}))}), "then.payload.acts"),
        (json!({"tasks": vec![ends(); 10_001]}), "tasks"),
    ];
    for (body, field) in wrong {
        let answer = Call::post("/v1/groups", &body).answer(&world.app).await.body(400);
        assert_eq!(answer["error"]["field"], field, "{answer}");
    }
    let none = Uuid::nil();
    Call::get(&format!("/v1/groups/{none}")).answer(&world.app).await.body(404);
    Call::get("/v1/groups/none/tasks").answer(&world.app).await.body(404);
}

#[tokio::test]
async fn a_long_chain_is_given_up_from_end_to_end() {
    let world = World::new();
    let names: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    let tasks = names.iter().enumerate().map(|(n, name)| {
        let mut task = if n == 0 { fails() } else { ends() };
        task["name"] = json!(name);
        task["after"] = json!(names[n.saturating_sub(1)..n]);
        task
    });
    post(&world, "/v1/tasks/batch", &json!({"tasks": tasks.collect::<Vec<_>>()})).await;
    settle(&world).await;
    let tasks = world.tasks().await;
    let count = |status| tasks.iter().filter(|task| task.status() == status).count();
    assert_eq!((count(Status::Failed), count(Status::Cancelled)), (1, 99));
}

/// Nobody asks again: what follows has no key.
#[tokio::test]
async fn what_follows_begins_wherever_its_making_broke_off() {
    let both = batch(&[("a", &[], ends()), ("b", &["a"], ends())]);
    crash::at_every_call(
        async || World::new(),
        async |world, faults| {
            let app = faults.around(&world.app);
            world.run_unless(|| faults.crashed(), Call::post("/v1/tasks/batch", &both).answer(&app)).await;
        },
        async |world| {
            world.drain().await;
            let tasks = everything(world).await;
            let status = |queue: &str| tasks.iter().find(|task| task.queue.as_str() == queue).map(Task::status);
            match (status("a"), status("b")) {
                (a, None) => assert!(a.is_none_or(|a| a == Status::Completed)),
                // It is answered as an error, and is not left waiting.
                (None, Some(b)) => assert_eq!(b, Status::Cancelled),
                (Some(a), Some(b)) => assert_eq!((a, b), (Status::Completed, Status::Completed)),
            }
        },
    )
    .await;
}

/// The tasks of these two queues.
async fn everything(world: &World) -> Vec<Task> {
    let mut all = Vec::new();
    for queue in ["a", "b"] {
        for item in get(world, &format!("/v1/tasks?queue={queue}&status=all")).await["items"].as_array().unwrap() {
            all.push(world.task(id_of(item)).await);
        }
    }
    all
}
