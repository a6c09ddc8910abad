//! Runs of a key that is used again once retention has removed its task; and runs that an older version has begun.

use std::sync::Arc;

use errand::{
    Asked, Id, Name, Status, Task,
    spi::{
        ids,
        json::Json,
        store::{self, MemoryStore},
    },
};
use errand_agents::{AgentStatus, Run, RunStatus, Session, run};
use integration_tests::{
    events::Call,
    world::{World, key},
};
use serde_json::json;
use uuid::Uuid;

use super::stage::{Seen, is_whole, on, says, until_ended};

const DAY: u64 = 24 * 3600;

fn world() -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let (world, _) = on(World::on(store.clone()), vec![says("Done: it is in report.md.")], 0);
    (world, store)
}

/// Begins a run of its own session and agent under the key `k`; its task.
async fn begin(world: &World) -> Uuid {
    let body = json!({"prompt": "do it", "idempotency_key": "k"});
    let begun = Call::post("/v1/runs", &body).answer(&world.app).await.body(201);
    let again = Call::post("/v1/runs", &body).answer(&world.app).await.body(200);
    assert_eq!((&again["id"], &again["deduplicated"]), (&begun["id"], &json!(true)));
    begun["task_id"].as_str().unwrap().parse().unwrap()
}

async fn is_done(world: &World, task: Uuid) -> Seen {
    let seen = until_ended(world, task).await;
    is_whole(world, &seen).await;
    assert_eq!((seen.run.status, seen.task.executions), (RunStatus::Completed, 1), "{:?}", seen.task.last_errors);
    assert_eq!((seen.agent.status, seen.session.messages, seen.turns.len()), (AgentStatus::Completed, 2, 1));
    seen
}

#[tokio::test]
async fn a_key_that_is_used_again_begins_another_run_in_a_new_session_of_another_agent() {
    for days in [20, 40] {
        // Forty days: the session's own time is over, and nobody has cleaned it up yet.
        let (world, store) = world();
        let first = is_done(&world, begin(&world).await).await;
        world.advance(days * DAY);
        store.remove(&first.task.key);
        let second = is_done(&world, begin(&world).await).await;
        assert_eq!(first.task.key, second.task.key);
        assert!(first.id != second.id && second.agent.created_at > first.agent.ended_at.unwrap());
        assert!(second.session.revision > first.session.revision, "a reader sees it");
        let told = world.events().await.into_iter().filter(|event| event["type"] == "agent.completed").count();
        assert_eq!(told, 2);
    }
}

/// A run that was begun when a run's id was made of its task's alone.
async fn begun_by_an_older_version(world: &World) -> (Task, Id) {
    let id = ids::keyed(&Name::default(), &Name::default(), "k");
    let payload = Json::new(&json!({"prompt": "do it", "session_id": "s", "agent_id": "a", "project_id": "p"}));
    let new = Asked {
        idempotency_key: Some("k".into()),
        ..Asked::of_type(key(id), Name::of("run_agent"), payload, "me".into(), world.now())
    };
    let task = Task::accept(new, ids::fresh(), world.now());
    let run = ids::derived(&["run", "default", &id.to_string(), "0"]).to_string();
    let begun = Run::of_task(&task, Name::of("agent"), Name::of("api"), Name::default(), world.now());
    let begun = Run { session_id: Some(Id::of("s")), ..begun };
    world.put(&run, &begun).await;
    world.put("s", &Session::new(Name::default(), Name::default(), Default::default(), "do it", world.now())).await;
    store::insert(&*world.app.store, task.clone()).await.unwrap();
    world.advance(130);
    (task, Id::new(&run).unwrap())
}

#[tokio::test]
async fn a_run_that_an_older_version_has_begun_is_gone_on_with() {
    let (world, store) = world();
    let (task, older) = begun_by_an_older_version(&world).await;
    assert_ne!(older, run::id(&task, 0));
    while !world.task(task.key.id).await.status().is_ended() {
        world.poll().await;
        world.deliver_all().await;
    }
    assert_eq!(world.task(task.key.id).await.status(), Status::Completed);
    let run: Run = world.get(older.as_str()).await.unwrap();
    assert_eq!((run.status, run.turns), (RunStatus::Completed, 1));
    assert!(world.get::<Run>(run::id(&task, 0).as_str()).await.is_none(), "there is one");

    world.advance(40 * DAY);
    store.remove(&task.key);
    let second = is_done(&world, begin(&world).await).await;
    assert!(second.id != older && second.run.queued_at > run.ended_at.unwrap());
}
