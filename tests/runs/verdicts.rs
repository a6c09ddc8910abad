//! What becomes of a run by what its model has answered: finished, gone on with, or a person's matter.

use errand::{State, Status};
use errand_models::{ChatAnswer, ChatError, Finish, ToolCall};
use serde_json::{Value, json};

use super::stage::{Seen, enqueue, give, is_whole, says, seen, until_ended, uses, world};
use super::steering::while_asked;
use errand_agents::{CommandKind, CommandStatus};

/// Answers `lines`, the last again and again: how its run ends, and how often the model was asked.
async fn ended(lines: Vec<ChatAnswer>, more: Value) -> (Seen, usize) {
    let (world, told) = world(lines, 0);
    let id = enqueue(&world, more).await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    (seen, told.asked())
}

fn reason(seen: &Seen) -> &str {
    match &seen.task.state {
        State::Blocked { reason } => reason,
        other => panic!("{other:?}"),
    }
}

fn result(seen: &Seen) -> Value {
    let State::Completed { output } = &seen.task.state else { panic!("{:?}", seen.task.state) };
    output.parse::<Value>().unwrap()["result"].clone()
}

fn cut(text: &str) -> ChatAnswer {
    ChatAnswer { finish: Finish::Length, ..says(text) }
}

const REST: &str = "I have begun with the first of the files, and the rest of them follows now...";

#[tokio::test]
async fn different_calls_of_one_tool_and_a_finished_answer_are_completed() {
    let call = |n: usize| ToolCall {
        id: format!("c{n}"),
        name: "read_file".into(),
        arguments: json!({"path": format!("src/{n}.rs")}).to_string(),
        output: Some(format!("file {n}")),
    };
    let answer = ChatAnswer { tool_calls: (0..4).map(call).collect(), ..says("All four are read: see notes.md.") };
    let (seen, asked) = ended(vec![answer], json!({})).await;
    assert_eq!((seen.task.status(), asked), (Status::Completed, 1));
}

#[tokio::test]
async fn calls_of_earlier_turns_are_not_repetitions() {
    let (seen, asked) = ended(vec![uses(REST, "search", 2), uses("All is done.", "search", 2)], json!({})).await;
    assert_eq!((seen.task.status(), asked, seen.session.incidents.len()), (Status::Completed, 2, 0));
}

#[tokio::test]
async fn what_failed_in_a_sessions_earlier_runs_blocks_none_that_succeeds() {
    let (world, told) = world(vec![says("All is done.")], 0);
    for _ in 0..4 {
        told.fails.lock().unwrap().extend([ChatError::Transport("no".into()), ChatError::Timeout("late".into())]);
        let id = enqueue(&world, json!({})).await;
        let seen = until_ended(&world, id).await;
        assert_eq!((seen.task.status(), seen.session.incidents.len()), (Status::Completed, 0));
    }
}

#[tokio::test]
async fn going_in_circles_in_an_earlier_run_of_the_session_blocks_no_other_run() {
    let circles = uses("I have searched for it once more.", "search", 3);
    let (world, _) = world(vec![circles.clone(), says("All is done."), circles.clone(), circles, says("Done.")], 0);
    for incidents in [1, 3] {
        let id = enqueue(&world, json!({})).await;
        let seen = until_ended(&world, id).await;
        assert_eq!((seen.task.status(), seen.session.incidents.len()), (Status::Completed, incidents));
    }
}

#[tokio::test]
async fn a_turn_given_with_a_second_interrupt_is_taken_up() {
    let (world, told) = world(vec![says("All is done.")], 600);
    let body = json!({"prompt": "Do it.", "agent_id": "a", "session_id": "s", "delay_s": 60});
    let (_, run) = world.request("POST /v1/runs", None, &body, None).await;
    let id = run["task_id"].as_str().unwrap().parse().unwrap();
    let run = seen(&world, id).await.id;
    give(&world, &run, CommandKind::Turn, "Do that instead.").await;
    give(&world, &run, CommandKind::Interrupt, "").await;
    world.advance(60);
    world.poll().await;
    // The first interrupt has made the first turn the one in hand.
    while_asked(&world, async || {
        give(&world, &run, CommandKind::Turn, "No, do this.").await;
        give(&world, &run, CommandKind::Interrupt, "").await;
    })
    .await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((seen.task.status(), told.asked()), (Status::Completed, 2));
    assert!(told.prompt().ends_with("No, do this."), "{}", told.prompt());
    let statuses: Vec<CommandStatus> = seen.commands.iter().map(|command| command.status).collect();
    use CommandStatus::{Completed, Failed};
    assert_eq!(statuses, [Failed, Completed, Completed, Completed], "the first turn was interrupted");
}

#[tokio::test]
async fn a_finished_answer_is_completed_whatever_it_leaves_of_the_money() {
    // A turn costs a cent.
    for limit in [
        json!({"mission_cost_budget_usd": 0.01}),
        json!({"mission_cost_budget_usd": 0.004}),
        json!({"budgets": {"hourly_usd": 0.01}}),
        json!({"budgets": {"daily_usd": 0.002}, "mission_cost_budget_usd": 0.01}),
    ] {
        let (seen, asked) = ended(vec![says("All is done: see a.txt.")], limit.clone()).await;
        assert_eq!((seen.task.status(), asked), (Status::Completed, 1), "{limit}");
    }
    let (seen, asked) = ended(vec![says(REST)], json!({"mission_cost_budget_usd": 0.01})).await;
    assert_eq!((reason(&seen), asked), ("the goal's budget is spent: 0.010000 USD of 0.010000 USD", 1));
    let circles = uses("I have searched for it again.", "search", 3);
    let (seen, asked) = ended(vec![circles], json!({"mission_cost_budget_usd": 0.01})).await;
    assert_eq!((seen.task.status(), asked), (Status::Blocked, 1), "another way would cost more");
    let (seen, asked) =
        ended(vec![says("BLOCKED: the key of the vault")], json!({"mission_cost_budget_usd": 0.01})).await;
    assert_eq!((reason(&seen), asked), ("the key of the vault", 1), "what the agent says beats what it cost");
}

#[tokio::test]
async fn an_interrupt_is_no_way_around_a_spent_goal() {
    // Over before the watch first looks: the interrupt is seen with what follows the turn.
    let (world, told) = world(vec![says(REST)], 4);
    let id = enqueue(&world, json!({"mission_cost_budget_usd": 0.01})).await;
    while_asked(&world, async || {
        let run = seen(&world, id).await.id;
        give(&world, &run, CommandKind::Interrupt, "").await;
        give(&world, &run, CommandKind::Turn, "Go on.").await;
    })
    .await;
    let seen = until_ended(&world, id).await;
    assert_eq!((told.asked(), seen.run.cost_usd.micros(), seen.task.status()), (1, 10_000, Status::Blocked));
}

#[tokio::test]
async fn an_answer_that_was_cut_is_gone_on_with_and_its_parts_are_one_result() {
    let lines = vec![cut("One, two, th"), cut("ree, four, "), says("five. That is all.")];
    let (seen, asked) = ended(lines, json!({})).await;
    assert_eq!((result(&seen), asked), (json!("One, two, three, four, five. That is all."), 3));
    // One that is never whole is not passed off as whole.
    let (seen, asked) = ended(vec![cut("and another number is the next one that I count after it, ")], json!({})).await;
    assert_eq!((reason(&seen), asked), ("the answer was cut off, and is longer than the model may write", 3));
}

#[tokio::test]
async fn a_refusal_is_a_persons_matter_and_is_told_in_its_words() {
    for (text, words, told) in [
        ("", "I may not help with that.", "the model refuses: I may not help with that."),
        ("", "content_filter", "the model refuses: content_filter"),
        ("All is done.", "content_filter", "the model refuses: content_filter"),
        ("", "my key sk-abcdefgh12345678 says no", "the model refuses: my key sk-[redacted] says no"),
    ] {
        let answer = ChatAnswer { finish: Finish::Refused(words.into()), ..says(text) };
        let (seen, asked) = ended(vec![answer], json!({})).await;
        assert_eq!((reason(&seen), asked, seen.run.cost_usd.micros()), (told, 1, 10_000));
    }
}

#[tokio::test]
async fn calls_that_nobody_answers_are_no_end() {
    let call = ToolCall { id: "c".into(), name: "deploy".into(), arguments: "{}".into(), output: None };
    let calls = ChatAnswer { tool_calls: vec![call], finish: Finish::ToolCalls, ..says("All is done.") };
    let (seen, asked) = ended(vec![calls.clone(), says("Without that tool it is done: see b.txt.")], json!({})).await;
    assert_eq!((result(&seen), asked), (json!("Without that tool it is done: see b.txt."), 2));
    assert!(seen.turns[1].prompt.contains("no tool is run for you"), "{}", seen.turns[1].prompt);
    let (seen, asked) = ended(vec![calls], json!({})).await;
    assert_eq!((reason(&seen), asked), ("the agent waits for tools that nobody runs: deploy", 3));
}

#[tokio::test]
async fn numbered_steps_in_prose_are_no_reason_for_another_turn() {
    for text in [
        "Step 1: read\nStep 2: mend\nStep 3: verified",
        "Step 3",
        "**Phase 2: rollout** is done",
        "#### Step 3: verified",
        "- Step 3: done",
    ] {
        let (seen, asked) = ended(vec![says(text)], json!({})).await;
        assert_eq!((seen.task.status(), asked), (Status::Completed, 1), "{text}");
    }
    let (_, asked) = ended(vec![says("So far.\n\n## Step 3: deploy"), says("All is done.")], json!({})).await;
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn an_agent_that_brings_nothing_new_is_asked_for_another_way_by_the_second_follow_up() {
    let (world, told) = world(vec![says(REST), says(REST), says("By another way it is done: see c.txt.")], 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    let prompts: Vec<&str> = seen.turns.iter().map(|turn| turn.prompt.as_str()).collect();
    assert!(prompts[1].starts_with("Your answer is not finished."), "the first one: {}", prompts[1]);
    assert!(prompts[2].starts_with("You are going in circles."), "the second one: {}", prompts[2]);
    assert_eq!((told.asked(), seen.task.status(), seen.session.incidents.len()), (3, Status::Completed, 1));
    // A short answer that is whole is the end, not a stall.
    let (seen, asked) = ended(vec![says(REST), says("Done.")], json!({})).await;
    assert_eq!((seen.task.status(), asked, seen.session.incidents.len()), (Status::Completed, 2, 0));
}
