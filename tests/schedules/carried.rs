//! Schedules that task types carry: they are as the types of the newest program say.

use errand::{
    App, CarriedSchedule, Failure, Handler, Outcome, Overlap, Registry, SchedulePolicy, ScheduleSpec, Status,
    TaskContext, spi::store::Record,
};
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use errand_schedules::{carry, with_schedules};
use integration_tests::{crash::at_every_call, events::Call, settings::Settings, world::World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{fired, nominals, pass, place};
use crate::redrive::worlds;

/// Sweeps. In the versions of it that carry no schedule, `EVERY_S` is none.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Sweep<const EVERY_S: u64> {
    corner: String,
}

impl<const EVERY_S: u64> Handler for Sweep<EVERY_S> {
    const TYPE: &'static str = "sweep";
    type State = ();

    fn schedule() -> Option<CarriedSchedule<Self>> {
        let policy = SchedulePolicy { overlap: Overlap::Allow, ..SchedulePolicy::default() };
        let carried = CarriedSchedule::of(ScheduleSpec::every_s(EVERY_S), Self { corner: "all".to_owned() });
        (EVERY_S > 0).then_some(CarriedSchedule { policy, ..carried })
    }

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(json!(self.corner)))
    }
}

/// As the page on schedules shows it.
#[derive(Serialize, Deserialize, JsonSchema)]
struct CleanUp {
    days: u32,
}

impl Handler for CleanUp {
    const TYPE: &'static str = "clean_up";
    type State = ();

    fn schedule() -> Option<CarriedSchedule<Self>> {
        let nightly = ScheduleSpec { zone: Some("Europe/Berlin".into()), ..ScheduleSpec::cron("30 2 * * *") };
        Some(CarriedSchedule { ttl_s: Some(3600), ..CarriedSchedule::of(nightly, Self { days: 30 }) })
    }

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(json!(self.days)))
    }
}

#[tokio::test]
async fn the_example_of_the_page_makes_a_task_each_night() {
    let (_, shown) = include_str!("../../docs/schedules.md").split_once("```rust\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    for line in shown.lines() {
        assert!(include_str!("carried.rs").contains(line), "{line}");
    }
    let mut world = World::new();
    let types = Settings::default().types().add::<CleanUp>(());
    world.app = App::new((*world.app).clone(), with_schedules(types).checked().unwrap());
    carry(&world.app).await.unwrap();
    pass(&world, 86_400).await;
    assert_eq!(nominals(&world).await, [3600 + 1800], "half past two in Berlin");
    assert_eq!(fired(&world).await[0].output(), Some(json!(30)));
}

/// One that nobody can keep.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Wrong {}

impl Handler for Wrong {
    const TYPE: &'static str = "wrong";
    type State = ();

    fn schedule() -> Option<CarriedSchedule<Self>> {
        Some(CarriedSchedule::of(ScheduleSpec::cron("61 * * * *"), Self {}))
    }

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(Value::Null))
    }
}

fn types<const EVERY_S: u64>() -> Registry {
    Settings::default().types().add::<Sweep<EVERY_S>>(())
}

/// A program starts whose type carries this.
async fn start<const EVERY_S: u64>(world: &mut World) {
    world.app = App::new((*world.app).clone(), with_schedules(types::<EVERY_S>()).checked().unwrap());
    carry(&world.app).await.unwrap();
}

async fn stored(world: &World) -> Option<Record> {
    world.app.store.record(&place("sweep")).await.unwrap()
}

async fn shown(world: &World) -> Value {
    Call::get("/v1/schedules/sweep").answer(&world.app).await.body(200)
}

#[tokio::test]
async fn a_types_schedule_is_there_once_its_program_has_started_and_fires() {
    let mut world = World::new();
    start::<60>(&mut world).await;
    let there = shown(&world).await;
    assert_eq!(
        (&there["carried"], &there["created_by"], &there["spec"]),
        (&json!(true), &json!("_errand"), &json!({"every_s": 60}))
    );
    pass(&world, 130).await;
    assert_eq!(nominals(&world).await, [60, 120]);
    let first = fired(&world).await.remove(0);
    assert_eq!(
        (first.task_type.as_str(), first.status(), first.output()),
        ("sweep", Status::Completed, Some(json!("all")))
    );
}

#[tokio::test]
async fn it_follows_its_type_on_every_store() {
    for (mut world, _files) in worlds().await {
        start::<60>(&mut world).await;
        let made = stored(&world).await.unwrap();
        start::<60>(&mut world).await;
        assert_eq!(stored(&world).await.unwrap(), made, "what is as it should be is not written");

        let paused = Call::post("/v1/schedules/sweep/pause", &json!({"note": "not now"})).answer(&world.app).await;
        paused.body(200);
        start::<3600>(&mut world).await;
        let there = shown(&world).await;
        assert_eq!((&there["spec"]["every_s"], &there["paused"]["note"]), (&json!(3600), &json!("not now")));

        start::<0>(&mut world).await;
        assert_eq!(
            Call::get("/v1/schedules/sweep").answer(&world.app).await.status,
            404,
            "no type carries it any more"
        );
        assert_eq!(Call::get("/v1/schedules").answer(&world.app).await.body(200)["count"], 0);
        start::<0>(&mut world).await;
        start::<60>(&mut world).await;
        assert!(shown(&world).await.get("paused").is_none(), "it is another one");
    }
}

#[tokio::test]
async fn others_pause_and_trigger_it_and_neither_change_nor_remove_it() {
    let mut world = World::new();
    start::<60>(&mut world).await;
    let body = json!({"spec": {"every_s": 1}, "task": {"task_type": "sweep"}, "payload": {"corner": "none"}});
    for call in [Call::put("/v1/schedules/sweep", &body), Call::to("DELETE", "/v1/schedules/sweep")] {
        assert_eq!(call.answer(&world.app).await.status, 409);
    }
    Call::post("/v1/schedules/sweep/trigger", &json!({})).answer(&world.app).await.body(201);
    Call::post("/v1/schedules/sweep/pause", &json!({})).answer(&world.app).await.body(200);
    pass(&world, 120).await;
    assert_eq!(fired(&world).await.len(), 1);
    Call::post("/v1/schedules/sweep/resume", &json!({})).answer(&world.app).await.body(200);
    pass(&world, 60).await;
    assert_eq!(fired(&world).await.len(), 2);
}

#[tokio::test]
async fn what_somebody_has_made_under_a_types_name_stays() {
    let mut world = World::new();
    let body = json!({"spec": {"every_s": 7}, "task": {"task_type": "scripted"}});
    Call::put("/v1/schedules/sweep", &body).answer(&world.app).await.body(201);
    let theirs = stored(&world).await;
    for _ in 0..2 {
        start::<60>(&mut world).await;
        assert_eq!(stored(&world).await, theirs);
    }
    start::<0>(&mut world).await;
    assert_eq!(stored(&world).await, theirs, "nor is it removed");
    Call::to("DELETE", "/v1/schedules/sweep").answer(&world.app).await.body(200);
    start::<60>(&mut world).await;
    assert_eq!(shown(&world).await["carried"], true);
}

#[tokio::test]
async fn while_its_type_is_off_it_stays_as_it_is() {
    let mut world = World::new();
    start::<60>(&mut world).await;
    let there = stored(&world).await;
    let off = Settings::default().types().add_off::<Sweep<3600>>((), "are off here");
    world.app = App::new((*world.app).clone(), with_schedules(off).checked().unwrap());
    carry(&world.app).await.unwrap();
    assert_eq!(stored(&world).await, there);
}

#[tokio::test]
async fn a_program_that_ends_anywhere_at_its_start_leaves_the_rest_to_the_next() {
    at_every_call(
        async || {
            let mut world = World::new();
            start::<60>(&mut world).await;
            world
        },
        async |world, faults| {
            for types in [types::<3600>(), types::<0>(), types::<120>()] {
                let app = App::new((*world.app).clone(), with_schedules(types).checked().unwrap());
                let app = faults.around(&app);
                world.run_unless(|| faults.crashed(), async { drop(carry(&app).await) }).await;
            }
        },
        async |world| {
            let mut world = world.clone();
            start::<120>(&mut world).await;
            let there = shown(&world).await;
            assert_eq!((&there["spec"]["every_s"], &there["payload"]), (&json!(120), &json!({"corner": "all"})));
            pass(&world, 240).await;
            assert_eq!(nominals(&world).await, [120, 240]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_server_carries_them_at_its_start_and_refuses_to_with_one_that_is_wrong() {
    let data = tempfile::tempdir().unwrap();
    let options = || Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
    for (types, wanted) in [(types::<60>(), Some(json!(60))), (types::<90>(), Some(json!(90))), (types::<0>(), None)] {
        let server = RunningServer::start(&options(), types).await.unwrap();
        let answer = Call::get("/v1/schedules/sweep").answer(&server.app).await;
        assert_eq!(answer.body["spec"].get("every_s").cloned(), wanted);
        server.stop().await;
    }
    let wrong = Settings::default().types().add::<Wrong>(());
    let why = RunningServer::start(&options(), wrong).await.map(|_| ()).unwrap_err();
    assert!(format!("{why:#}").contains("task type wrong carries is wrong at spec.cron[0]"), "{why:#}");
}
