//! What a firing's task knows of the firing before it.

use errand::{App, Failure, Handler, Outcome, Task, TaskContext};
use errand_schedules::with_schedules;
use integration_tests::{events::Call, settings::Settings, world::World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{fired, pass, put};
use crate::redrive::worlds;

/// Counts firings, each from what the one before it said.
#[derive(Serialize, Deserialize, JsonSchema)]
struct CountOn {}

impl Handler for CountOn {
    const TYPE: &'static str = "count_on";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let before = task.previous_firing().await?.and_then(|before| before.output()?.as_u64());
        Ok(Outcome::done(json!(before.unwrap_or(0) + 1)))
    }
}

fn counting(world: &mut World) {
    let types = Settings::default().types().add::<CountOn>(());
    world.app = App::new((*world.app).clone(), with_schedules(types).checked().unwrap());
}

fn minutely() -> Value {
    let policy = json!({"catch_up": "all", "overlap": "allow"});
    json!({"spec": {"cron": ["* * * * *"]}, "task": {"task_type": "count_on"}, "policy": policy})
}

/// Of each task the minute, counted from the world's beginning, and that of the firing before it.
fn minutes(tasks: &[Task]) -> Vec<(i64, Option<i64>)> {
    let minute = |at: errand::Timestamp| (at.as_millis() - 1_767_225_600_000) / 60_000;
    let of = |task: &Task| {
        let of = task.schedule.clone().unwrap();
        (minute(of.nominal), of.previous.map(|previous| minute(previous.nominal)))
    };
    tasks.iter().map(of).collect()
}

#[tokio::test]
async fn a_firing_knows_the_one_before_it_and_what_that_said() {
    let mut world = World::new();
    counting(&mut world);
    world.advance(30);
    put(&world, "minutely", &minutely()).await.body(201);
    pass(&world, 150).await;
    let outputs: Vec<_> = fired(&world).await.iter().map(Task::output).collect();
    assert_eq!(outputs, [Some(json!(1)), Some(json!(2)), Some(json!(3))]);
    // Nobody is there for a while; then three are made in one look.
    world.lose_messages();
    world.advance(180);
    world.lose_messages();
    world.poll().await;
    let tasks = fired(&world).await;
    assert_eq!(minutes(&tasks), [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(3)), (5, Some(4)), (6, Some(5))]);
    let path = format!("/v1/tasks/{}", tasks[1].key.id);
    let shown = Call::get(&path).answer(&world.app).await.body(200);
    let previous = json!({"nominal": "2026-01-01T00:01:00.000Z", "task_id": tasks[0].key.id});
    assert_eq!(shown["schedule"]["previous"], previous);

    let triggered = Call::post("/v1/schedules/minutely/trigger", &json!({})).answer(&world.app).await.body(201);
    assert_eq!(triggered["schedule"]["previous"]["task_id"], json!(tasks[5].key.id));
    let past = json!({"from": "2025-12-31T23:58:00Z", "to": "2025-12-31T23:59:00Z"});
    Call::post("/v1/schedules/minutely/backfill", &past).answer(&world.app).await.body(201);
    world.poll().await;
    assert_eq!(
        minutes(&fired(&world).await[..2]),
        [(-2, None), (-1, None)],
        "what was asked for afterwards has its own order"
    );
}

#[tokio::test]
async fn it_is_kept_on_every_store() {
    for (mut world, _files) in worlds().await {
        counting(&mut world);
        world.advance(30);
        put(&world, "minutely", &minutely()).await.body(201);
        for _ in 0..2 {
            world.advance(60);
            errand::spi::poller::handle(&world.app, None).await;
        }
        let listed = Call::get("/v1/tasks?status=all").answer(&world.app).await.body(200);
        let mut tasks = Vec::new();
        for item in listed["items"].as_array().unwrap() {
            tasks.push(world.task(integration_tests::world::id_of(item)).await);
        }
        tasks.sort_by_key(|task| task.schedule.clone().unwrap().nominal);
        assert_eq!(minutes(&tasks), [(1, None), (2, Some(1))]);
    }
}
