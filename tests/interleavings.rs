//! Random schedules of workers, pollers and operators, of lost, late and doubled messages, of clocks that differ
//! and jump, of errors and lost processes: whatever happens in whatever order, the promises hold.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use errand::{
    App, Priority, Services, State, Status, Task, Timestamp,
    spi::{
        clock::{Clock, ManualClock},
        lifecycle::log::{LogEntry, LogKind},
        queue::{OutMessage, Queue, QueueName},
    },
};
use integration_tests::{
    accounts::{effects_are_exactly_once, everything_is_accounted_for, the_log_is_complete},
    faults::{Fault, Faults},
    in_memory::{process, request},
    world::{VISIBILITY, World},
};
use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestError, TestRunner},
};
use serde_json::{Value, json};
use shared::domain::User;
use uuid::Uuid;

/// Schedules tried, unless `ERRAND_PROPTEST_CASES` says otherwise.
const CASES: u32 = 1000;
const MOST_TASKS: usize = 4;
const MOST_ACTORS: usize = 5;

/// One step of a schedule. Indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    /// A task is enqueued.
    Enqueue(Plan),
    /// A worker, whose clock differs by so many seconds, is given the next message.
    StartWorker { skew_s: i64 },
    /// A poller begins.
    StartPoller { skew_s: i64 },
    /// An operator asks for something.
    Ask(Wish, Index),
    /// One who has begun goes on by so many calls.
    Go(Index, u8),
    /// One who has begun is never heard of again.
    Lose(Index),
    /// One's next call goes wrong.
    Fail(Index, Fault),
    /// The next message is lost.
    LoseMessage,
    /// The next message is doubled.
    DoubleMessage,
    /// The next message comes so many seconds later.
    DelayMessage(u64),
    /// The newest dead letter is moved back to a work queue.
    MoveBack,
    /// A lease's time passes, and a poller comes to its end.
    Reap,
    /// Time passes; or the clock is set back.
    Clock { s: i64 },
}

/// What a task is like.
#[derive(Clone, Debug)]
struct Plan {
    acts: Vec<&'static str>,
    max_retries: u32,
    delay_s: u64,
    expires_s: Option<u64>,
    timeout_s: u32,
}

#[derive(Clone, Copy, Debug)]
enum Wish {
    Cancel,
    Redrive,
    ProcessIfDue,
    ProcessNow,
    Reschedule { s: u64 },
}

const ACTS: [&str; 14] = [
    r#""complete""#,
    r#"{"fail":"no"}"#,
    r#"{"fail":"no"}"#,
    r#"{"fail_for_good":"no"}"#,
    r#"{"retry_after":20}"#,
    r#"{"retry_after":2000}"#,
    r#"{"snooze":10}"#,
    r#"{"snooze":2000}"#,
    r#"{"cancel":"off"}"#,
    r#"{"block":"ask"}"#,
    r#""panic""#,
    r#""hang""#,
    r#"{"sleep":20000}"#,
    r#""step""#,
];

fn plan() -> impl Strategy<Value = Plan> {
    let acts = prop::collection::vec(select(&ACTS[..]), 0..4);
    let delay_s = select(&[0, 0, 0, 1, 30, 1200][..]);
    let expires_s = prop::option::weighted(0.15, select(&[1300, 3000][..]));
    (acts, 0_u32..3, delay_s, expires_s, select(&[5, 30, 30, 300][..])).prop_map(
        |(acts, max_retries, delay_s, expires_s, timeout_s)| Plan { acts, max_retries, delay_s, expires_s, timeout_s },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let skew_s = select(&[0, 0, 0, 1, -1, 3, -3, 100, -100][..]);
    let wish = prop_oneof![
        Just(Wish::Cancel),
        Just(Wish::Redrive),
        Just(Wish::Redrive),
        Just(Wish::ProcessIfDue),
        Just(Wish::ProcessNow),
        select(&[0, 60, 2000][..]).prop_map(|s| Wish::Reschedule { s }),
    ];
    let index = any::<Index>;
    prop_oneof![
        5 => plan().prop_map(Step::Enqueue),
        14 => skew_s.clone().prop_map(|skew_s| Step::StartWorker { skew_s }),
        8 => skew_s.prop_map(|skew_s| Step::StartPoller { skew_s }),
        6 => (wish, index()).prop_map(|(wish, task)| Step::Ask(wish, task)),
        40 => (index(), 1_u8..6).prop_map(|(actor, calls)| Step::Go(actor, calls)),
        3 => index().prop_map(Step::Lose),
        3 => (index(), select(&Fault::ALL[..])).prop_map(|(actor, fault)| Step::Fail(actor, fault)),
        1 => Just(Step::LoseMessage),
        3 => Just(Step::DoubleMessage),
        1 => select(&[10, 600][..]).prop_map(Step::DelayMessage),
        1 => Just(Step::MoveBack),
        4 => Just(Step::Reap),
        12 => select(&[1, 10, 30, 40, 70, 130, 400, 1000, -1, -5, -200][..]).prop_map(|s| Step::Clock { s }),
    ]
}

/// A clock that differs.
struct Skewed {
    clock: Arc<ManualClock>,
    by_ms: i64,
}

#[async_trait]
impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now().as_millis() + self.by_ms)
    }

    async fn sleep_until(&self, until: Timestamp) {
        self.clock.sleep_until(Timestamp::from_millis(until.as_millis() - self.by_ms)).await;
    }

    async fn sleep(&self, wait: Duration) {
        self.clock.sleep(wait).await;
    }
}

/// A process under way.
struct Actor {
    number: usize,
    faults: Arc<Faults>,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

/// A world and everybody in it.
struct Stage {
    world: World,
    actors: Vec<Actor>,
    started: usize,
    /// As they were when they were last looked at.
    seen: HashMap<Uuid, Task>,
    /// Which actor made which claim.
    claims: HashMap<Uuid, usize>,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        world.put("u", &User::default()).await;
        Self { world, actors: Vec::new(), started: 0, seen: HashMap::new(), claims: HashMap::new() }
    }

    fn start<F: Future<Output = ()> + 'static>(&mut self, skew_s: i64, work: impl FnOnce(App, World) -> F) {
        let faults = Faults::stepping();
        let clock = Arc::new(Skewed { clock: self.world.clock.clone(), by_ms: skew_s * 1000 });
        let app = faults.around(&self.world.app);
        let app = app.over(Services { clock, ..app.services.clone() });
        let work = Box::pin(tokio::task::unconstrained(work(app, self.world.clone())));
        self.actors.push(Actor { number: self.started, faults, work });
        self.started += 1;
    }

    async fn take(&mut self, step: Step) {
        let may_start = self.actors.len() < MOST_ACTORS;
        match step {
            Step::Enqueue(plan) if self.seen.len() < MOST_TASKS => {
                self.world.enqueue(&self.body(&plan)).await;
            }
            Step::StartWorker { skew_s } if may_start => self.start_worker(skew_s),
            Step::StartPoller { skew_s } if may_start => {
                self.start(skew_s, async |app, _| {
                    poller::handle(&app, None).await;
                });
            }
            Step::Ask(wish, task) if may_start => self.ask(wish, task),
            Step::Go(actor, calls) if !self.actors.is_empty() => {
                let place = actor.index(self.actors.len());
                for _ in 0..calls {
                    if self.go(place).await {
                        break;
                    }
                }
            }
            Step::Lose(actor) if !self.actors.is_empty() => drop(self.actors.remove(actor.index(self.actors.len()))),
            Step::Fail(actor, fault) if !self.actors.is_empty() => {
                self.actors[actor.index(self.actors.len())].faults.next(fault);
            }
            Step::LoseMessage | Step::DoubleMessage | Step::DelayMessage(_) => self.meddle(&step).await,
            Step::MoveBack => self.move_back().await,
            Step::Reap if may_start => {
                self.world.advance(100);
                self.start(0, async |app, _| {
                    poller::handle(&app, None).await;
                });
                while !self.go(self.actors.len() - 1).await {}
            }
            Step::Clock { s } => {
                let to = self.world.now().as_millis() + s * 1000;
                self.world.clock.set(Timestamp::from_millis(to));
            }
            _ => {}
        }
        self.look(None).await;
    }

    fn body(&self, plan: &Plan) -> Value {
        let acts: Vec<Value> = plan.acts.iter().map(|act| serde_json::from_str(act).unwrap()).collect();
        let n = self.seen.len();
        let then = json!({"mark": format!("then{n}")});
        let expires_at = plan.expires_s.map(|s| self.world.now() + Duration::from_secs(s));
        json!({
            "task_type": "scripted",
            "user_id": "u",
            "payload": {"acts": acts, "mark": format!("m{n}"), "credit": 1, "publish": "done", "then": then},
            "max_retries": plan.max_retries,
            "timeout_s": plan.timeout_s,
            "delay_s": plan.delay_s,
            "expires_at": expires_at,
        })
    }

    fn start_worker(&mut self, skew_s: i64) {
        for from in QueueName::WORK {
            let received = self.world.queue.receive(from, 1, VISIBILITY);
            if !received.is_empty() {
                self.start(skew_s, async move |app, world| process(&app, &world.queue, from, received).await);
                return;
            }
        }
    }

    fn ask(&mut self, wish: Wish, task: Index) {
        let mut ids: Vec<(Timestamp, Uuid)> = self.seen.values().map(|task| (task.created_at, task.key.id)).collect();
        ids.sort();
        if ids.is_empty() {
            return;
        }
        let (_, id) = ids[task.index(ids.len())];
        let (route, body) = match wish {
            Wish::Cancel => ("cancel", json!({})),
            Wish::Redrive => ("retry", json!({})),
            Wish::ProcessIfDue => ("process", json!({})),
            Wish::ProcessNow => ("process", json!({"force": true})),
            Wish::Reschedule { s } => ("reschedule", json!({"run_at": self.world.now() + Duration::from_secs(s)})),
        };
        let route = format!("POST /v1/tasks/{{id}}/{route}");
        self.start(0, async move |app, _| drop(request(&app, &route, Some(id), &body, None).await));
    }

    /// Lets an actor go on by one call. Whether it has come to its end.
    async fn go(&mut self, place: usize) -> bool {
        let actor = &mut self.actors[place];
        let number = actor.number;
        actor.faults.go();
        let done = futures::poll!(actor.work.as_mut()).is_ready() || actor.faults.crashed();
        if done {
            drop(self.actors.remove(place));
        }
        self.look(Some(number)).await;
        done
    }

    async fn meddle(&self, step: &Step) {
        let queue = &self.world.queue;
        let next =
            QueueName::WORK.into_iter().find_map(|from| Some((from, queue.receive(from, 1, Duration::ZERO).pop()?)));
        let Some((from, message)) = next else { return };
        match step {
            Step::LoseMessage => queue.delete(from, &message.receipt),
            Step::DelayMessage(s) => queue.hide(from, &message.receipt, Duration::from_secs(*s)).await.unwrap(),
            _ => send(&self.world, from, message.body).await,
        }
    }

    async fn move_back(&self) {
        if let Some(letter) = self.world.letters().last() {
            send(&self.world, QueueName::Work(Priority::Medium), serde_json::to_string(letter).unwrap()).await;
        }
    }

    /// Compares every task with what it was before `actor` went on, and keeps it in mind.
    async fn look(&mut self, actor: Option<usize>) {
        let tasks = self.world.tasks().await;
        for task in &tasks {
            let before = self.seen.get(&task.key.id).filter(|before| before.revision != task.revision);
            let is_new = !self.seen.contains_key(&task.key.id);
            if is_new || before.is_some() {
                holds(task);
                the_log_is_complete(&self.world, task).await;
                effects_are_exactly_once(&self.world, task, &tasks).await;
            }
            if let Some(before) = before {
                let row = self.world.log(task.key.id).await.pop().filter(|row| row.seq > before.log_seq);
                follows(before, task, row.as_ref());
                if let (Some(fence), None) = (task.fence(), before.fence())
                    && let Some(actor) = actor
                {
                    self.claims.insert(fence.worker, actor);
                }
                if let (Some(row), Some(fence)) = (&row, before.fence())
                    && row.by.is_none()
                    && !was_lost(row)
                {
                    assert_eq!(row.worker, Some(fence.worker), "settled under another's fence: {row:#?}");
                    assert_eq!(self.claims.get(&fence.worker).copied(), actor, "settled by a stale worker: {row:#?}");
                }
            }
        }
        self.seen = tasks.into_iter().map(|task| (task.key.id, task)).collect();
    }

    /// Lets everybody come to their end, or loses them all; then whatever is left is done by others.
    async fn end(mut self, all_are_lost: bool) {
        if all_are_lost {
            self.actors.clear();
        }
        while !self.actors.is_empty() {
            let calls: usize = self.actors.iter().map(|actor| actor.faults.calls()).sum();
            let count = self.actors.len();
            for place in (0..count).rev() {
                self.go(place).await;
            }
            let now_calls: usize = self.actors.iter().map(|actor| actor.faults.calls()).sum();
            if count == self.actors.len() && now_calls == calls {
                self.world.advance(1);
            }
        }
        self.world.drain().await;
        self.world.advance(3600); // past every time the clock was set back from: what was sent then is visible now
        everything_is_accounted_for(&self.world).await;
    }
}

async fn send(world: &World, to: QueueName, body: String) {
    let message = OutMessage { body, delay: Duration::ZERO, group: None, attributes: vec![] };
    drop(world.queue.send(to, vec![message]).await);
}

fn was_lost(row: &LogEntry) -> bool {
    row.failure.as_ref().is_some_and(|failure| failure.kind == errand::FailureKind::WorkerLost)
}

/// What must hold of a task at any time.
fn holds(task: &Task) {
    let owes = match &task.state {
        State::Pending { .. } | State::Running { .. } | State::Waiting { .. } => true,
        State::Failed { .. } => task.dead_lettered_at.is_none(),
        State::Completed { .. } | State::Cancelled { .. } | State::Blocked { .. } => false,
    };
    assert_eq!(task.wake_at.is_some(), owes, "{task:#?}");
    assert!(task.failures <= task.max_retries + 1, "{task:#?}");
    assert_eq!(task.ended_at.is_some(), task.status().is_ended(), "{task:#?}");
}

/// What must hold between a task and what one call made of it.
fn follows(before: &Task, after: &Task, row: Option<&LogEntry>) {
    assert_eq!(after.revision, before.revision + 1, "one call, one change");
    assert!(after.executions >= before.executions, "executions fell: {after:#?}");
    if before.status().is_ended() {
        let redriven = row.is_some_and(|row| row.kind == LogKind::Redrive) && after.redrives == before.redrives + 1;
        let noted = Task {
            dead_lettered_at: after.dead_lettered_at,
            wake_at: None,
            revision: after.revision,
            version: after.version,
            updated_at: after.updated_at,
            ..before.clone()
        };
        let noted = before.status() == Status::Failed && before.dead_lettered_at.is_none() && noted == *after;
        assert!(redriven || noted, "an ended task changed: {before:#?} {after:#?}");
    }
    if let State::Running { started_at, .. } = after.state
        && before.fence() != after.fence()
    {
        let State::Pending { run_at, .. } = before.state else { panic!("claimed from {:?}", before.state) };
        assert!(started_at >= run_at, "started at {started_at}, before {run_at}");
        assert_eq!(after.executions, before.executions + 1);
    }
    let execution_ended = before.fence().is_some() && after.fence() != before.fence();
    let row_of_it = row.is_some_and(|row| row.kind == LogKind::Execution && row.execution == before.executions);
    assert_eq!(execution_ended, row_of_it, "{row:#?}");
}

#[test]
fn the_promises_hold_in_every_order_of_events() {
    #[allow(clippy::disallowed_methods)] // how long to try is whoever runs the tests' to say
    let cases = std::env::var("ERRAND_PROPTEST_CASES").map_or(CASES, |text| text.parse().expect("a number"));
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: 30_000,
        ..Config::default()
    };
    let schedules = (prop::collection::vec(step(), 10..120), any::<bool>());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let result = TestRunner::new(config).run(&schedules, |(steps, all_are_lost)| {
        fastrand::seed(1); // a schedule always goes the same way
        runtime.block_on(async {
            let mut stage = Stage::new().await;
            for step in steps {
                stage.take(step).await;
            }
            stage.end(all_are_lost).await;
        });
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, (steps, all_are_lost))) => {
            let steps: Vec<String> = steps.iter().map(|step| format!("  {step:?}")).collect();
            panic!("{reason}\nall are lost at the end: {all_are_lost}; before it:\n{}", steps.join("\n"));
        }
        Err(other) => panic!("{other}"),
    }
}
