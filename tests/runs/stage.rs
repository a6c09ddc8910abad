//! A world with a model that says what it is told, and what is looked at of a run.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use errand::{
    App, Entity, Id, Name, Task,
    spi::{
        clock::Clock,
        lifecycle::log::LogKind,
        money::Usd,
        store::{RecordKey, RelationKind},
    },
};
use errand_agents::{Agent, Agents, Command, CommandKind, Run, RunEvent, Session, StoredTurn, journal, run};
use errand_models::{
    ChatAnswer, ChatBackend, ChatError, ChatMessage, ChatRequest, Prices, Profile, Profiles, ToolCall, Usage,
};
use integration_tests::{
    faults::{Faults, FaultyModel},
    settings::Settings,
    world::World,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// What a model is told first.
pub(super) fn first_of(request: &ChatRequest) -> &str {
    match &request.messages[0] {
        ChatMessage::User(text) => text,
        other => panic!("{other:?}"),
    }
}

/// What a model is asked now.
pub(super) fn newest_of(request: &ChatRequest) -> &str {
    match request.messages.last() {
        Some(ChatMessage::User(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// Says its lines by how many answers the conversation has; the last is repeated. Counts what it was asked.
pub(super) struct Told {
    lines: Vec<ChatAnswer>,
    takes_s: u64,
    clock: Arc<dyn Clock>,
    pub(super) asked: Mutex<Vec<ChatRequest>>,
    pub(super) fails: Mutex<Vec<ChatError>>,
    /// It only repeats what it is asked, as what is no model.
    pub(super) parrots: AtomicBool,
}

/// What a turn of a [`Told`] uses: with its prices, 1 cent.
pub(super) const USAGE: Usage = Usage { tokens_in: 100, tokens_out: 10 };

/// 50 USD a million in, 500 out: 0.005 + 0.005.
pub(super) const PROFILES: &str = r#"{"default": {"kind": "scripted", "answers": [{"text": "x"}],
    "usd_per_million_in": 50, "usd_per_million_out": 500}}"#;

#[async_trait::async_trait]
impl ChatBackend for Told {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        let answers = |message: &&ChatMessage| matches!(message, ChatMessage::Assistant { .. });
        let answered = request.messages.iter().filter(answers).count();
        self.asked.lock().unwrap().push(request.clone());
        if self.takes_s > 0 {
            self.clock.sleep_until(self.clock.now() + std::time::Duration::from_secs(self.takes_s)).await;
        }
        if let Some(error) = self.fails.lock().unwrap().pop() {
            return Err(error);
        }
        Ok(self.lines.get(answered).or(self.lines.last()).unwrap().clone())
    }

    fn judges(&self) -> bool {
        !self.parrots.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// An answer.
pub(super) fn says(text: &str) -> ChatAnswer {
    ChatAnswer { text: text.into(), model: "told".into(), usage: Some(USAGE), ..ChatAnswer::default() }
}

/// An answer that used a tool so often, each time with another output.
pub(super) fn uses(text: &str, tool: &str, times: usize) -> ChatAnswer {
    let call = |n: usize| ToolCall {
        id: format!("c{n}"),
        name: tool.into(),
        arguments: "{}".into(),
        output: Some(format!("output {n}")),
    };
    ChatAnswer { tool_calls: (0..times).map(call).collect(), ..says(text) }
}

/// A world whose model says `lines`, each after `takes_s` seconds.
pub(super) fn world(lines: Vec<ChatAnswer>, takes_s: u64) -> (World, Arc<Told>) {
    on(World::new(), lines, takes_s)
}

pub(super) fn on(mut world: World, lines: Vec<ChatAnswer>, takes_s: u64) -> (World, Arc<Told>) {
    let clock = world.clock.clone();
    let told = Arc::new(Told {
        lines,
        takes_s,
        clock,
        asked: Mutex::default(),
        fails: Mutex::default(),
        parrots: AtomicBool::new(false),
    });
    let (profiles, _) = Profiles::read(PROFILES, |_| None).unwrap();
    let priced = Profile { backend: told.clone(), ..profiles.get("default").unwrap().clone() };
    world.set(&settings(&priced));
    (world, told)
}

/// An installation whose profiles all are this model.
fn settings(priced: &Profile) -> Settings {
    let free = Profile { prices: Some(Prices::default()), ..priced.clone() };
    let unpriced = Profile { prices: None, ..priced.clone() };
    let chat = [(Name::default(), priced.clone()), (Name::of("free"), free), (Name::of("unpriced"), unpriced)];
    let chat: Profiles = chat.into_iter().collect();
    Settings::asking(chat)
}

/// A process like the world's whose store, queues and model have `faults`.
pub(super) fn faulty(world: &World, faults: &Arc<Faults>) -> App {
    let agents = world.app.types.state::<Agents>().unwrap();
    let profile = agents.profiles.get("default").unwrap().clone();
    let backend = FaultyModel::new(profile.backend.clone(), faults.clone());
    let profile = Profile { backend: Arc::new(backend), ..profile };
    settings(&profile).app(&faults.around(&world.app))
}

impl Told {
    pub(super) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The newest prompt.
    pub(super) fn prompt(&self) -> String {
        newest_of(self.asked.lock().unwrap().last().unwrap()).to_owned()
    }
}

/// Enqueues a run.
pub(super) async fn enqueue(world: &World, more: Value) -> Uuid {
    let mut payload = json!({"prompt": "Do it.", "agent_id": "a", "session_id": "s"});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.enqueue(&json!({"task_type": "run_agent", "payload": payload})).await
}

/// A run with all that belongs to it.
pub(super) struct Seen {
    pub(super) task: Task,
    pub(super) id: Id,
    pub(super) run: Run,
    pub(super) session: Session,
    pub(super) agent: Agent,
    pub(super) commands: Vec<Command>,
    pub(super) events: Vec<RunEvent>,
    pub(super) turns: Vec<StoredTurn>,
}

async fn all<E: Entity>(world: &World, of: &Id) -> Vec<E> {
    let records = world.records(E::KIND, RelationKind::Parent, of.as_str()).await;
    records.into_iter().map(|record| serde_json::from_value(Value::Object(record.doc)).unwrap()).collect()
}

pub(super) async fn seen(world: &World, task: Uuid) -> Seen {
    let task = world.task(task).await;
    let id = run::id(&task, task.redrives);
    let run: Run = world.get(id.as_str()).await.unwrap();
    let session_id = run.session_id.clone().unwrap();
    let turns: Vec<StoredTurn> = all(world, &session_id).await;
    Seen {
        session: world.get(session_id.as_str()).await.unwrap(),
        agent: world.get(run.agent_id.as_ref().unwrap().as_str()).await.unwrap(),
        commands: all(world, &id).await,
        events: all(world, &id).await,
        turns: turns.into_iter().filter(|turn| turn.run_id == id).collect(),
        task,
        id,
        run,
    }
}

impl Seen {
    /// The types of its events, with the phase of those that have one.
    pub(super) fn told(&self) -> Vec<String> {
        let told = |event: &RunEvent| {
            let event = json!(event);
            let phase = event["payload"]["phase"].as_str().map(str::to_owned);
            phase.unwrap_or_else(|| event["type"].as_str().unwrap().to_owned())
        };
        self.events.iter().map(told).collect()
    }
}

/// What the agent has spent, in millionths.
pub(super) async fn spent(world: &World) -> i64 {
    let key = RecordKey { tenant: Name::default(), kind: Name::of("spending"), id: Id::of("a") };
    let record = world.app.store.record(&key).await.unwrap();
    record.map_or(0, |record| {
        record.doc.iter().filter(|(field, _)| field.starts_with("day:")).map(|(_, sum)| sum.as_i64().unwrap()).sum()
    })
}

/// Gives a command.
pub(super) async fn give(world: &World, run: &Id, kind: CommandKind, prompt: &str) -> journal::GivenCommand {
    let payload = json!({"prompt": prompt});
    let new = journal::NewCommand { kind, payload, idempotency_key: None, by: "test".into() };
    journal::give(&world.app, &Name::default(), run, &new).await.unwrap()
}

/// What is reserved for a call at least, in millionths: 4096 tokens at 500 USD a million.
pub(super) const RESERVED: u64 = 2_048_000;

/// What calls of a run have cost that came to no turn, in millionths: nobody saw how they ended.
pub(super) fn unseen(run: &Run) -> u64 {
    run.cost_usd.micros() - 10_000 * u64::from(run.turns)
}

/// What all rows of a task's log say that it has cost, in millionths.
pub(super) async fn logged(world: &World, task: Uuid) -> u64 {
    let costs = world.log(task).await.into_iter().filter_map(|row| row.cost_usd);
    costs.map(|cost| Usd::from_dollars(cost).unwrap().micros()).sum()
}

/// Each execution has one row, and together they cost what the task's runs have.
pub(super) async fn is_logged(world: &World, id: Uuid) {
    let task = world.task(id).await;
    let mut cost = 0;
    for drive in 0..=task.redrives {
        cost += world.get::<Run>(run::id(&task, drive).as_str()).await.map_or(0, |run| run.cost_usd.micros());
    }
    assert_eq!(logged(world, id).await, cost, "{:#?}", world.log(id).await);
    let rows = world.log(id).await.into_iter().filter(|row| row.kind == LogKind::Execution);
    let executions: Vec<u32> = rows.map(|row| row.execution).collect();
    assert_eq!(executions, (1..=task.executions).collect::<Vec<_>>());
}

/// Whatever way a run has gone: events without gaps, totals that are its turns', one end, nothing left alive.
pub(super) async fn is_whole(world: &World, seen: &Seen) {
    let seqs: Vec<u64> = seen.events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=seen.run.last_event_seq).collect::<Vec<_>>(), "{:?}", seen.told());
    let nths: Vec<u32> = seen.turns.iter().map(|turn| turn.nth).collect();
    assert_eq!(nths, (0..seen.run.turns).collect::<Vec<_>>());
    let turns = u64::from(seen.run.turns);
    let totals = (seen.run.tokens_in, seen.run.tokens_out);
    assert_eq!(totals, (100 * turns, 10 * turns));
    let unseen = unseen(&seen.run);
    assert!(unseen == 0 || unseen > RESERVED, "{unseen}");
    is_logged(world, seen.task.key.id).await;
    let terminal = seen.told().iter().filter(|told| *told == "terminal_status").count();
    let status = seen.run.status.terminal().map(errand_agents::Terminal::as_str);
    assert_eq!((terminal, status), (1, Some(seen.task.status().as_str())), "{:?}", seen.told());
    assert!(seen.agent.status.is_final(), "{:?}", seen.agent);
    assert!(seen.session.active_run.is_none() && seen.session.active_command.is_none(), "{:?}", seen.session);
    assert_eq!(seen.session.terminal_status, seen.run.status.terminal());
    assert_eq!(seen.session.last_event_seq, seen.run.last_event_seq);
    assert!(seen.commands.iter().all(|command| command.ended_at.is_some()), "{:?}", seen.commands);
    assert_eq!(seen.run.open_commands, []);
    let listed = world.tasks().await;
    let cleanups = listed.iter().filter(|task| task.task_type.as_str() == "cleanup_session").count();
    assert!(cleanups >= 1, "nobody will clean the session up");
}

/// Delivers and polls until the run's task has ended; not further, or its session would be cleaned up.
pub(super) async fn until_ended(world: &World, task: Uuid) -> Seen {
    for _ in 0..500 {
        world.deliver_all().await;
        world.poll().await;
        if world.task(task).await.status().is_ended() {
            return seen(world, task).await;
        }
        let now = world.now();
        match world.next().await {
            Some(at) if at > now => world.clock.set(at),
            _ => {}
        }
    }
    panic!("never ended: {:#?}", world.task(task).await);
}

/// The same with a model that reads and writes so many tokens at once.
pub(super) fn windowed(context_tokens: u32, lines: Vec<ChatAnswer>) -> (World, Arc<Told>) {
    let (mut world, told) = world(lines, 0);
    let agents = world.app.types.state::<Agents>().unwrap();
    let mut profile = agents.profiles.get("default").unwrap().clone();
    profile.view.context_tokens = context_tokens;
    world.set(&settings(&profile));
    (world, told)
}
