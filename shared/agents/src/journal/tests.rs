//! The journal: what is begun, given and appended once, and what another may not. Writers at once: `tests/runs`.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    Agent, AgentStatus, Command, CommandAction, CommandKind, CommandStatus, ExecutionState, RunStatus, Session,
    event::{AssistantMessage, EventBody, RunEvent},
    key_of,
};
use errand::{
    App, Asked, Entity, Stored, TaskKey, Timestamp,
    spi::{
        change::{ChangeError, With, change},
        clock::ManualClock,
        ids,
        json::Json,
        lifecycle::{Settlement, Trigger},
        queue::MemoryQueue,
        store::{MemoryStore, Related, RelationKind},
    },
};

fn app() -> App {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
    let queue = Arc::new(MemoryQueue::new(clock.clone()));
    let store = Arc::new(MemoryStore::default());
    let types = crate::types(&Default::default()).checked().unwrap();
    App::new(Services::new(store, queue, clock), types)
}

fn new_task(app: &App, key: &str) -> Asked {
    let id = ids::keyed(&Name::default(), &Name::default(), key);
    let key = TaskKey { tenant: Name::default(), id };
    let payload = Json::new(&json!({"prompt": "do it", "profile": "default"}));
    Asked::of_type(key, Name::of("run_agent"), payload, "me".into(), app.clock.now())
}

fn asked() -> Start {
    Start::of(Name::of("api"), Name::default(), "do it".into())
}

async fn begun(app: &App) -> Begun {
    begin(app, new_task(app, "k"), &asked()).await.unwrap()
}

async fn claimed(app: &App, task: &Task) -> Task {
    let task = change(app, task, Trigger::Claim { worker: ids::fresh(), lease: None }, With::nothing()).await.unwrap();
    claim(app, &task, &asked(), "w").await.unwrap();
    task
}

async fn get<E: Entity>(app: &App, id: &Id) -> E {
    Stored::read(app.store.record(&key_of::<E>(&Name::default(), id)).await.unwrap().unwrap()).unwrap().value
}

async fn events(app: &App, run: &Id) -> Vec<RunEvent> {
    let of = run.clone();
    let by = RelationKind::Parent;
    let related = Related { tenant: Name::default(), kind: RunEvent::kind(), by, of, newest_first: false };
    let page = app.store.records(&related, None, 1000).await.unwrap();
    page.items.into_iter().map(|record| Stored::read(record).unwrap().value).collect()
}

fn message(text: &str) -> EventBody {
    EventBody::AssistantMessage(AssistantMessage { text: text.into(), turn_id: None })
}

fn steer(key: Option<&str>, prompt: &str) -> NewCommand {
    let (payload, idempotency_key) = (json!({"prompt": prompt}), key.map(str::to_owned));
    NewCommand { kind: CommandKind::Steer, payload, idempotency_key, by: "me".into() }
}

#[tokio::test]
async fn a_run_is_begun_once_with_its_session_and_its_agent() {
    let app = app();
    let first = begun(&app).await;
    let again = begun(&app).await;
    assert_eq!((first.deduplicated, again.deduplicated), (false, true));
    assert_eq!(first.run.as_ref().unwrap().id, again.run.unwrap().id);
    let run = first.run.unwrap().value;
    let session: Session = get(&app, run.session_id.as_ref().unwrap()).await;
    let agent: Agent = get(&app, run.agent_id.as_ref().unwrap()).await;
    assert_eq!((session.title.as_str(), agent.status), ("do it", AgentStatus::Spawning));
    let other = new_task(&app, "k").with_payload(Json::new(&json!({"prompt": "else"})));
    let refused = begin(&app, other, &asked()).await.unwrap_err();
    assert!(matches!(refused, JournalError::Refused(Refused::OtherPayload)), "{refused}");
}

#[tokio::test]
async fn a_session_is_not_taken_up_by_another_project_or_profile() {
    let app = app();
    let start = Start { session_id: Some(Id::of("s")), ..asked() };
    begin(&app, new_task(&app, "a"), &start).await.unwrap();
    let elsewhere = Asked { project: Name::of("q"), ..new_task(&app, "b") };
    let refused = begin(&app, elsewhere, &start).await.unwrap_err();
    assert!(matches!(refused, JournalError::NotAdmitted(NotAdmitted::Project)), "{refused}");
    let other = Start { profile: Name::of("slow"), ..start };
    let refused = begin(&app, new_task(&app, "c"), &other).await.unwrap_err();
    assert!(matches!(refused, JournalError::NotAdmitted(NotAdmitted::Profile)), "{refused}");
    assert!(store::task(&*app.store, &new_task(&app, "c").key).await.unwrap().is_none(), "nothing is half begun");
}

#[tokio::test]
async fn a_batch_sent_again_adds_nothing_and_another_under_its_key_is_refused() {
    let app = app();
    let begun = begun(&app).await;
    let place = Place::of_run(Name::default(), begun.run.unwrap().id);
    let first = append(&app, &place, Some("k"), vec![message("a")]).await.unwrap();
    let again = append(&app, &place, Some("k"), vec![message("a")]).await.unwrap();
    assert_eq!((first.deduplicated, again), (false, AppendedEvents { deduplicated: true, ..first }));
    assert!(append(&app, &place, Some("k"), vec![message("b")]).await.is_err());
    assert_eq!(events(&app, &place.run).await.len(), 2);
    let too_many = append(&app, &place, None, vec![message("a"); 51]).await.unwrap_err();
    assert!(matches!(too_many, JournalError::TooMany(_)));
}

#[tokio::test]
async fn a_command_is_given_once_taken_and_ended_and_each_is_told() {
    let app = app();
    let begun = begun(&app).await;
    let run = begun.run.unwrap().id;
    let tenant = Name::default();
    let given = give(&app, &tenant, &run, &steer(Some("k"), "x")).await.unwrap();
    assert!(give(&app, &tenant, &run, &steer(Some("k"), "x")).await.unwrap().deduplicated);
    let refused = give(&app, &tenant, &run, &steer(Some("k"), "y")).await.unwrap_err();
    assert!(matches!(refused, JournalError::Refused(Refused::OtherPayload)), "{refused}");
    let place = Place::of_run(tenant.clone(), run.clone());
    for action in [CommandAction::Acknowledge, CommandAction::Acknowledge, CommandAction::Complete] {
        change_command(&app, &place, &given.id, &action).await.unwrap();
    }
    let refused = change_command(&app, &place, &given.id, &CommandAction::Cancel(None)).await.unwrap_err();
    assert!(matches!(refused, JournalError::Refused(Refused::Ended("completed"))), "{refused}");
    let other = Place::of_run(tenant.clone(), Id::of("other"));
    assert!(matches!(
        change_command(&app, &other, &given.id, &CommandAction::Cancel(None)).await,
        Err(JournalError::None(_))
    ));
    assert_eq!(get::<Run>(&app, &run).await.open_commands, []);
    assert_eq!(events(&app, &run).await.len(), 3, "created, given, ended");
    for _ in 0..run::MAX_OPEN_COMMANDS {
        give(&app, &tenant, &run, &steer(None, "x")).await.unwrap();
    }
    let refused = give(&app, &tenant, &run, &steer(None, "x")).await.unwrap_err();
    assert!(matches!(refused, JournalError::TooManyCommands(run::MAX_OPEN_COMMANDS)), "{refused}");
}

#[tokio::test]
async fn a_worker_that_was_given_up_on_writes_nothing() {
    let app = app();
    let task = claimed(&app, &begun(&app).await.task).await;
    let place = Place::held(&app, &task).await.unwrap();
    let settled = Trigger::Settle {
        fence: task.fence().unwrap(),
        settlement: Settlement::Snooze { run_at: app.clock.now(), hinted: false },
        report: Default::default(),
    };
    let pending = change(&app, &task, settled, With::nothing()).await.unwrap();
    let newer = claimed(&app, &pending).await;
    assert!(matches!(append(&app, &place, None, vec![message("late")]).await, Err(JournalError::LeaseLost)));
    assert!(matches!(claim(&app, &task, &asked(), "w").await, Err(JournalError::LeaseLost)));
    assert_eq!(get::<Run>(&app, &place.run).await.attempt, newer.executions);
}

/// The tasks of a run that goes on in a session and of one that has looked, and what is to be committed with its wait.
async fn one_goes_on_and_one_waits(app: &App) -> (Task, Task, Vec<Effect>) {
    let start = Start { session_id: Some(Id::of("s")), ..asked() };
    let first = begin(app, new_task(app, "a"), &start).await.unwrap();
    let second = begin(app, new_task(app, "b"), &start).await.unwrap();
    let first = claimed(app, &first.task).await;
    let task =
        change(app, &second.task, Trigger::Claim { worker: ids::fresh(), lease: None }, With::nothing()).await.unwrap();
    match claim(app, &task, &start, "w").await.unwrap_err() {
        JournalError::Waits { refused: Refused::Busy(_), effects } => (first, task, effects),
        other => panic!("{other}"),
    }
}

/// The wait of `task`, for half a minute.
async fn wait(app: &App, task: &Task, effects: Vec<Effect>) -> Result<Task, ChangeError> {
    let run_at = app.clock.now() + Duration::from_secs(30);
    let settlement = Settlement::Snooze { run_at, hinted: false };
    let settled = Trigger::Settle { fence: task.fence().unwrap(), settlement, report: Default::default() };
    change(app, task, settled, With::outcome(effects)).await
}

async fn cancel(app: &App, task: &Task) {
    let cancelled = Trigger::Cancel { reason: "enough".into(), by: "me".into() };
    change(app, task, cancelled, With::nothing()).await.unwrap();
}

#[tokio::test]
async fn another_run_in_the_session_waits_for_the_first_and_is_woken_by_its_end() {
    let app = app();
    let (first, second, effects) = one_goes_on_and_one_waits(&app).await;
    let waits = wait(&app, &second, effects).await.unwrap();
    assert!(waits.run_at().unwrap() > app.clock.now());
    cancel(&app, &first).await;
    let woken = store::task(&*app.store, &second.key).await.unwrap().unwrap();
    assert_eq!(woken.run_at(), Some(app.clock.now()));
}

#[tokio::test]
async fn a_run_does_not_wait_for_one_that_has_ended_since_it_looked() {
    let app = app();
    let (first, second, effects) = one_goes_on_and_one_waits(&app).await;
    cancel(&app, &first).await;
    let refused = wait(&app, &second, effects).await.unwrap_err();
    assert!(matches!(refused, ChangeError::Effect(_)), "{refused}");
    claim(&app, &second, &asked(), "w").await.unwrap();
}

#[tokio::test]
async fn what_is_cancelled_ends_in_all_its_parts_at_once() {
    let app = app();
    let task = claimed(&app, &begun(&app).await.task).await;
    let run = Place::held(&app, &task).await.unwrap().run;
    let given = give(&app, &Name::default(), &run, &steer(None, "x")).await.unwrap();
    let cancelled = Trigger::Cancel { reason: "enough".into(), by: "me".into() };
    let ended = change(&app, &task, cancelled, With::nothing()).await.unwrap();
    let effects = ends(&app, None, &task, &ended).await.unwrap();
    assert_eq!(effects, [], "it has ended with its task");
    let ended: Run = get(&app, &run).await;
    let session: Session = get(&app, ended.session_id.as_ref().unwrap()).await;
    let agent: Agent = get(&app, ended.agent_id.as_ref().unwrap()).await;
    let command: Command = get(&app, &given.id).await;
    assert_eq!((ended.status, ended.open_commands.len()), (RunStatus::Cancelled, 0));
    assert_eq!((session.execution_state, session.active_run), (ExecutionState::Terminal, None));
    assert_eq!((agent.status, command.status), (AgentStatus::Killed, CommandStatus::Cancelled));
    let newest = events(&app, &run).await;
    assert_eq!(session.last_event_seq, newest.len() as u64);
    assert_eq!(json!(newest.last().unwrap())["payload"], json!({"status": "cancelled", "text": "enough"}));
    assert!(session.revision > 0 && session.expires_at.is_some());
    let refused = give(&app, &Name::default(), &run, &steer(None, "x")).await.unwrap_err();
    assert!(matches!(refused, JournalError::Refused(Refused::Ended("cancelled"))), "{refused}");
}
