//! How a run goes: in one turn or several, within its time, its budget and its agent's patience.

use errand::{
    Entity, FailureKind, Id, Name, Priority, State, Status, Timestamp,
    spi::{queue::QueueName, store::RecordKey},
};
use errand_agents::{
    Agent, AgentStatus, CommandKind, ExecutionState, Run, RunEvent, Session, StoredTurn, event, run::MAX_OPEN_COMMANDS,
};
use errand_models::{ChatAnswer, ChatError, RetryAfter, ToolCall, Usage};
use integration_tests::world::World;
use serde_json::{Value, json};
use std::time::Duration;

use super::stage::{Seen, USAGE, enqueue, give, is_whole, on, says, seen, spent, until_ended, uses, world};

fn failure(seen: &Seen) -> FailureKind {
    match &seen.task.state {
        State::Failed { failure } => failure.kind,
        other => panic!("{other:?}"),
    }
}

async fn redrive(world: &World, seen: &Seen, note: &str) {
    let id = Some(seen.task.key.id);
    let (status, answer) = world.request("POST /v1/tasks/{id}/retry", id, &json!({"note": note}), None).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn a_run_is_done_in_one_turn_that_is_told_and_counted() {
    let (world, told) = world(vec![uses("All is done: see a.txt.", "search", 2)], 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!(seen.task.status(), Status::Completed);
    assert_eq!((told.asked(), spent(&world).await), (1, 10_000));
    let expected = ["run-created", "run-claimed", "tool_call", "tool_call", "assistant_message", "terminal_status"];
    assert_eq!(seen.told(), expected);
    assert!(told.prompt().starts_with("Do it.\n\nRequirements:"), "{}", told.prompt());
    let state = (seen.agent.status, seen.session.execution_state);
    assert_eq!(state, (AgentStatus::Completed, ExecutionState::Idle));
    let State::Completed { output } = &seen.task.state else { panic!() };
    let output: Value = output.parse().unwrap();
    assert_eq!(output["result"], "All is done: see a.txt.");
    assert_eq!(output["run_id"], json!(seen.id));
    let log = world.log(id).await;
    let logged = log.iter().map(|row| (row.tokens_in, row.tokens_out, row.cost_usd)).collect::<Vec<_>>();
    assert_eq!(logged, [(Some(100), Some(10), Some(0.01))]);
    world.poll().await;
    let published: Vec<Value> = world.events().await.into_iter().map(|event| event["type"].clone()).collect();
    assert_eq!(published, ["agent.spawned", "agent.running", "agent.completed"]);
}

#[tokio::test]
async fn a_run_keeps_what_its_answers_refer_to_and_looked_up_each_once() {
    let url = |path: &str| format!("https://example.org/{path}");
    let answer = |text: &str, citations: &[&str]| ChatAnswer {
        citations: citations.iter().map(|path| url(path)).collect(),
        sources: vec![url("found?access_token=abcdefgh"), url(&"x".repeat(600))],
        ..says(text)
    };
    let lines = vec![
        answer("I have begun with the first of it, and the rest follows...", &["a"]),
        answer("All is done.", &["a", "b"]),
    ];
    let (world, _) = world(lines, 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!(seen.run.citations, [url("a"), url("b")]);
    assert_eq!(
        (seen.run.retrieval.count, &seen.run.retrieval.sources[..]),
        (2, &[url("found?access_token=[redacted]")][..])
    );
}

#[tokio::test]
async fn an_answer_that_trails_off_is_followed_up_twice_at_most() {
    let (world, told) = world(vec![says("I have begun with the first of the files, and the rest follows now...")], 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), seen.task.status()), (3, Status::Completed));
}

#[tokio::test]
async fn an_agent_that_repeats_a_tool_is_asked_for_another_way_and_then_blocked() {
    let (world, told) = world(vec![uses("I have searched for it again.", "search", 3)], 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert!(told.prompt().contains("going in circles"), "{}", told.prompt());
    assert_eq!((told.asked(), seen.task.status(), seen.session.incidents.len()), (3, Status::Blocked, 3));
    let notes = seen.events.iter().map(|event| json!(event)["payload"]["note"].clone());
    assert!(
        notes.into_iter().any(|note| note == "medium: tool `search` was called 3 times with the same arguments"),
        "{:?}",
        seen.events
    );
}

#[tokio::test]
async fn a_blocked_agent_goes_on_with_the_answer_it_is_redriven_with() {
    let lines = vec![says("I tried.\nBLOCKED: the key of the vault"), says("With the key it is done.")];
    let (world, told) = world(lines, 0);
    let id = enqueue(&world, json!({})).await;
    let blocked = until_ended(&world, id).await;
    is_whole(&world, &blocked).await;
    assert_eq!(blocked.task.state, State::Blocked { reason: "the key of the vault".into() });
    assert_eq!(blocked.agent.status, AgentStatus::Failed);
    redrive(&world, &blocked, "It hangs behind the door.").await;
    let done = until_ended(&world, id).await;
    is_whole(&world, &done).await;
    assert!(told.prompt().contains("It hangs behind the door."), "{}", told.prompt());
    assert_eq!((told.asked(), done.task.status()), (2, Status::Completed));
    assert_ne!(blocked.id, done.id);
    // It is told what was said before in the session.
    assert_eq!(told.asked.lock().unwrap()[1].messages.len(), 3);
}

#[tokio::test]
async fn an_agent_is_warned_of_its_budget_and_then_stopped_by_it() {
    let (world, told) = world(vec![says("Now I'll do the first step of it...")], 0);
    let budgets = json!({"budgets": {"hourly_usd": 0.0125}});
    let id = enqueue(&world, budgets).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), failure(&seen)), (2, FailureKind::BudgetExceeded));
    let notes: Vec<String> = seen
        .events
        .iter()
        .filter_map(|event| Some(json!(event)["payload"]["note"].as_str()?.to_owned()))
        .filter(|note| note.contains("hourly"))
        .collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert_eq!(seen.session.failure_kind, Some(FailureKind::BudgetExceeded));
}

#[tokio::test]
async fn a_price_that_is_not_known_stops_an_agent_that_has_a_limit_before_it_asks() {
    let (world, told) = world(vec![says("All is done.")], 0);
    for (more, asked) in [
        (json!({"budgets": {"daily_usd": 5}}), 0),
        (json!({"mission_cost_budget_usd": 5}), 0),
        (json!({"budgets": {}}), 1),
    ] {
        let mut payload =
            json!({"profile": "unpriced", "session_id": format!("s{asked}{more}").replace(['"', '{', '}'], "")});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = enqueue(&world, payload).await;
        let seen = until_ended(&world, id).await;
        assert_eq!(told.asked(), asked, "{more}");
        match asked {
            0 => assert_eq!(failure(&seen), FailureKind::BudgetUnavailable),
            _ => assert_eq!(seen.task.status(), Status::Completed),
        }
    }
}

/// A limit of an hour, then one of the task.
fn limits() -> [Value; 2] {
    [json!({"budgets": {"hourly_usd": 5}}), json!({"mission_cost_budget_usd": 5})]
}

#[tokio::test]
async fn a_turn_whose_cost_is_not_known_is_followed_by_none_where_there_is_a_limit() {
    let uncounted = ChatAnswer { usage: None, ..says("I have begun with the first of it, and the rest follows...") };
    for limit in limits() {
        let (world, told) = world(vec![uncounted.clone()], 0);
        let id = enqueue(&world, limit).await;
        let seen = until_ended(&world, id).await;
        assert_eq!((told.asked(), failure(&seen)), (1, FailureKind::BudgetUnavailable));
        // An agent that is done at once each time would never spend anything: it is taken for the most it may have been.
        let most = spent(&world).await;
        assert!((2_048_000..3_000_000).contains(&most), "4096 tokens at 500 USD a million, and the prompt: {most}");
    }
    let (world, told) = world(vec![uncounted], 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    assert_eq!((told.asked(), seen.task.status()), (3, Status::Completed), "without a limit nothing need be known");
}

/// An answer that has no text: all its tokens went into thought.
fn nothing(usage: Option<Usage>) -> ChatError {
    ChatError::Empty { model: "told".into(), usage }
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_counted_like_any_other() {
    for (limit, kind) in [
        (json!({"budgets": {"hourly_usd": 0.0125}}), Some(FailureKind::BudgetExceeded)),
        (json!({"mission_cost_budget_usd": 0.0125}), None),
    ] {
        let (world, told) = world(vec![says("All is done.")], 0);
        told.fails.lock().unwrap().extend((0..9).map(|_| nothing(Some(USAGE))));
        let id = enqueue(&world, limit).await;
        let seen = until_ended(&world, id).await;
        let ended = match &seen.task.state {
            State::Failed { failure } => Some(failure.kind),
            State::Blocked { .. } => None,
            other => panic!("{other:?}"),
        };
        assert_eq!((told.asked(), ended), (2, kind));
        assert_eq!((spent(&world).await, seen.run.cost_usd.micros(), seen.run.turns), (20_000, 20_000, 0));
        assert_eq!((seen.run.tokens_in, seen.run.tokens_out), (200, 20));
        let logged: Vec<_> = world.log(id).await.iter().map(|row| (row.tokens_out, row.cost_usd)).collect();
        assert_eq!(logged, [(Some(10), Some(0.01)), (Some(10), Some(0.01)), (None, None)]);
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_at_a_cost_that_is_not_known_is_the_end_where_there_is_a_limit() {
    for limit in limits() {
        let (world, told) = world(vec![says("All is done.")], 0);
        told.fails.lock().unwrap().push(nothing(None));
        let id = enqueue(&world, limit).await;
        let seen = until_ended(&world, id).await;
        assert_eq!((told.asked(), failure(&seen)), (1, FailureKind::BudgetUnavailable));
        assert!(spent(&world).await > 2_000_000);
    }
    let (world, told) = world(vec![says("All is done.")], 0);
    told.fails.lock().unwrap().push(nothing(None));
    let id = enqueue(&world, json!({})).await;
    assert_eq!((until_ended(&world, id).await.task.status(), told.asked()), (Status::Completed, 2));
}

#[tokio::test]
async fn a_spent_goal_blocks_a_redrive_before_it_asks() {
    let (world, told) = world(vec![says("All is done, as far as it goes...")], 0);
    let id = enqueue(&world, json!({"mission_cost_budget_usd": 0.02})).await;
    let blocked = until_ended(&world, id).await;
    is_whole(&world, &blocked).await;
    assert_eq!((told.asked(), blocked.task.status()), (2, Status::Blocked));
    redrive(&world, &blocked, "go on").await;
    let still = until_ended(&world, id).await;
    assert_eq!((told.asked(), still.task.status()), (2, Status::Blocked), "nothing more is spent");
}

#[tokio::test]
async fn an_unknown_profile_is_an_error() {
    let (world, told) = world(vec![says("All is done.")], 0);
    let id = enqueue(&world, json!({"profile": "gone"})).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), failure(&seen)), (0, FailureKind::Backend));
}

#[tokio::test]
async fn a_model_that_asks_to_wait_is_asked_again_when_it_says() {
    let (world, told) = world(vec![says("All is done.")], 0);
    // Longer than it would wait of itself.
    let retry_after = Some(RetryAfter::In(Duration::from_secs(7_777)));
    told.fails.lock().unwrap().push(ChatError::RateLimit { message: "wait".into(), retry_after });
    let id = enqueue(&world, json!({})).await;
    world.deliver_all().await;
    let waiting = seen(&world, id).await;
    assert_eq!(waiting.task.run_at(), Some(world.now() + Duration::from_secs(7_777)));
    assert!(waiting.told().contains(&"error".to_owned()));
    let done = until_ended(&world, id).await;
    is_whole(&world, &done).await;
    assert_eq!((told.asked(), done.run.attempt, done.task.status()), (2, 2, Status::Completed));
}

#[tokio::test]
async fn a_model_that_refuses_our_credentials_is_not_asked_again() {
    let (world, told) = world(vec![says("All is done.")], 0);
    told.fails.lock().unwrap().push(ChatError::Auth("no".into()));
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), failure(&seen)), (1, FailureKind::ProviderAuth));
}

#[tokio::test]
async fn a_run_may_be_longer_than_an_execution() {
    let (world, told) = world(vec![says("And then I'll go on...")], 30);
    let body = json!({"task_type": "run_agent", "timeout_s": 60, "payload": {"prompt": "Do it.", "agent_id": "a"}});
    let id = world.enqueue(&body).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), seen.task.status()), (3, Status::Completed));
    assert!(seen.task.executions >= 2 && seen.task.failures == 0, "{} {}", seen.task.executions, seen.task.failures);
}

#[tokio::test]
async fn more_tools_and_commands_than_a_commit_holds_are_taken_up_one_after_the_other() {
    let (world, _) = world(vec![uses("All is done.", "search", 99)], 0);
    let body = json!({"prompt": "Do it.", "agent_id": "a", "session_id": "s", "delay_s": 60});
    let (_, run) = world.request("POST /v1/runs", None, &body, None).await;
    let id = run["task_id"].as_str().unwrap().parse().unwrap();
    let waiting = seen(&world, id).await;
    for _ in 0..MAX_OPEN_COMMANDS {
        give(&world, &waiting.id, CommandKind::Steer, "x").await;
    }
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert!(seen.turns.len() >= 3 && seen.run.open_commands.is_empty(), "{}", seen.turns.len());
}

#[tokio::test]
async fn what_an_older_version_put_in_short_is_told() {
    let (world, told) = world(vec![says("All is done.")], 0);
    let first = enqueue(&world, json!({})).await;
    let session = until_ended(&world, first).await.session;
    let old = Session { messages: 1, history: String::new(), summary: "It was long.".into(), ..session };
    world.put("s", &old).await;
    let second = enqueue(&world, json!({})).await;
    until_ended(&world, second).await;
    assert!(
        told.prompt().starts_with("What was answered before, in short:\nIt was long.\n\nDo it."),
        "{}",
        told.prompt()
    );
}

#[tokio::test]
async fn no_secret_that_an_agent_says_is_shown_to_others() {
    let secret = "sk-abcdefgh12345678";
    let (world, told) = world(vec![uses(&format!("The key is {secret}..."), "search", 1)], 0);
    let call = ToolCall {
        id: "c".into(),
        name: "get".into(),
        arguments: json!({"password": "hunter2hunter2"}).to_string(),
        output: Some(secret.to_owned()),
    };
    drop(told);
    let (world, _) =
        on(world, vec![ChatAnswer { tool_calls: vec![call], ..says(&format!("I have {secret} now.")) }], 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    let log = world.log(id).await;
    let all = json!([seen.run, seen.session, seen.agent, seen.events, log]).to_string();
    for hidden in ["abcdefgh", "hunter2"] {
        assert!(!all.contains(hidden), "{all}");
    }
}

#[tokio::test]
async fn a_run_whose_session_is_busy_looks_ever_more_rarely_and_is_told_anew_each_time() {
    let (world, _) = world(vec![says("All is done.")], 0);
    let first = enqueue(&world, json!({})).await;
    let free = until_ended(&world, first).await.session;
    let (execution_state, active_run) = (ExecutionState::Running, Some(Id::of("another")));
    world.put("s", &Session { execution_state, active_run, expires_at: None, ..free.clone() }).await;
    let id = enqueue(&world, json!({"agent_id": "b"})).await;
    let mut waits = Vec::new();
    for _ in 0..8 {
        world.deliver_all().await;
        let again = world.task(id).await.run_at().unwrap();
        // Whether the message in hand is hidden until then.
        let hidden = world.queue.next_visible(&QueueName::WORK).is_some();
        waits.push((again.since(world.now()).as_secs(), hidden));
        world.clock.set(again);
        world.poll().await;
    }
    let hidden = [30, 60, 120, 240, 480].map(|wait| (wait, true));
    assert_eq!(waits, [&hidden[..], &[(960, false); 3]].concat());
    world.put("s", &free).await;
    assert_eq!(until_ended(&world, id).await.task.status(), Status::Completed);
}

#[tokio::test]
async fn a_session_that_nobody_goes_on_in_is_cleaned_up_and_one_that_is_used_is_not() {
    let (world, _) = world(vec![says("All is done.")], 0);
    let first = enqueue(&world, json!({})).await;
    until_ended(&world, first).await;
    world.advance(20 * 24 * 3600);
    let second = enqueue(&world, json!({})).await;
    let used = until_ended(&world, second).await;
    world.drain().await;
    let gone = seen(&world, second).await;
    assert_eq!(used.session.execution_state, ExecutionState::Idle);
    assert_eq!(gone.session.execution_state, ExecutionState::Terminal);
    let cleanups: Vec<Value> = world
        .tasks()
        .await
        .iter()
        .filter(|task| task.task_type.as_str() == "cleanup_session")
        .map(|task| match &task.state {
            State::Completed { output } => output.parse::<Value>().unwrap()["skipped"].clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(cleanups.iter().filter(|skipped| **skipped == true).count(), 1, "{cleanups:?}");
    assert_eq!(cleanups.len(), 2);
}

/// When a record goes, if it does.
async fn goes_at<E: Entity>(world: &World, id: &str) -> Option<Timestamp> {
    let key = RecordKey { tenant: Name::default(), kind: E::kind(), id: Id::new(id).unwrap() };
    world.app.store.record(&key).await.unwrap().unwrap().expires_at
}

#[tokio::test]
async fn what_a_session_came_to_stays_and_what_it_worked_with_goes() {
    let (world, _) = world(vec![says("All is done.")], 0);
    for (session, agent) in [(Some("s"), Some("a")), (None, None)] {
        let payload = json!({"prompt": "Do it.", "session_id": session, "agent_id": agent});
        let id = world.enqueue(&json!({"task_type": "run_agent", "payload": payload})).await;
        let used = until_ended(&world, id).await;
        let own = id.to_string();
        let (session, agent_id) = (session.unwrap_or(&own), agent.unwrap_or(&own));
        let metadata = json!({"a": 1}).as_object().unwrap().clone();
        world.put(session, &Session { metadata, history: "long".into(), ..used.session.clone() }).await;
        world.drain().await;
        let gone = seen(&world, id).await;
        let tomorrow = Some(world.now() + Duration::from_secs(24 * 3600));
        assert_eq!(goes_at::<Session>(&world, session).await, None);
        assert_eq!((&gone.session.summary, &gone.session.title), (&used.session.summary, &used.session.title));
        assert!(gone.session.summary == "All is done." && gone.session.revision == used.session.revision);
        assert!(gone.session.metadata.is_empty() && gone.session.history.is_empty() && gone.session.messages == 0);
        for at in [
            goes_at::<Run>(&world, gone.id.as_str()).await,
            goes_at::<RunEvent>(&world, event::id(&gone.id, 1).as_str()).await,
            goes_at::<StoredTurn>(&world, StoredTurn::id(&gone.id, 0).as_str()).await,
        ] {
            assert!(at.is_some() && at <= tomorrow, "{at:?}");
        }
        // An agent that was named works on elsewhere, on the same budget.
        let of_agent = goes_at::<Agent>(&world, agent_id).await;
        assert_eq!(of_agent.is_some_and(|at| Some(at) <= tomorrow), agent.is_none(), "{of_agent:?}");
    }
}

#[tokio::test]
async fn a_cleanup_that_an_older_version_asked_for_goes_by_the_sessions_time() {
    let (world, _) = world(vec![says("All is done.")], 0);
    let id = enqueue(&world, json!({})).await;
    until_ended(&world, id).await;
    let body = json!({"task_type": "cleanup_session", "payload": {"session_id": "s"}});
    let early = world.enqueue(&body).await;
    world.deliver_all().await;
    let of_another = json!({"task_type": "cleanup_session", "payload": {"session_id": "s", "version": 99}, "delay_s": 40 * 24 * 3600});
    let of_another = world.enqueue(&of_another).await;
    world.advance(31 * 24 * 3600);
    let late = world.enqueue(&body).await;
    world.deliver(QueueName::Work(Priority::Medium)).await;
    let output = async |task| match world.task(task).await.state {
        State::Completed { output } => output.parse::<Value>().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(output(early).await["skipped"], true);
    assert_eq!(output(late).await["session_id"], "s");
    world.advance(10 * 24 * 3600);
    world.drain().await;
    assert_eq!(output(of_another).await["reason"], "the session has been used since");
}
