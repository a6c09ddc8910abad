//! What an agent makes is its user's, whole: stored, told to its model again, and answered to who asked for it.

use errand::State;
use errand_models::ChatMessage;
use serde_json::{Value, json};

use super::stage::{enqueue, says, seen, until_ended, world};

/// A deliverable that is full of what looks like secrets, and has some.
const DELIVERABLE: &str = "const token = await getToken(user)\nTo reset your password: open Settings\n\
    password = hunter2hunter2\nAPI_KEY=sk-abcdefgh12345678";

#[tokio::test]
async fn what_an_agent_makes_reaches_its_user_and_its_own_next_turn_as_it_is() {
    let (world, model) = world(vec![says(DELIVERABLE)], 0);
    let first = enqueue(&world, json!({})).await;
    let made = until_ended(&world, first).await;
    assert_eq!(made.turns[0].answer.text, DELIVERABLE);
    let State::Completed { output } = &made.task.state else { panic!("{:?}", made.task.state) };
    assert_eq!(output.parse::<Value>().unwrap()["result"], DELIVERABLE);
    let second = enqueue(&world, json!({})).await;
    until_ended(&world, second).await;
    let asked = model.asked.lock().unwrap();
    let told = asked.last().unwrap().messages.iter();
    let told = told.filter(|message| matches!(message, ChatMessage::Assistant { text, .. } if text == DELIVERABLE));
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn what_others_see_of_it_has_no_secret() {
    let (world, _) = world(vec![says(DELIVERABLE)], 0);
    let id = enqueue(&world, json!({})).await;
    until_ended(&world, id).await;
    let seen = seen(&world, id).await;
    let log = world.log(id).await;
    let shown = json!([seen.run, seen.session, seen.agent, seen.events, log]).to_string();
    for hidden in ["hunter2", "abcdefgh"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(shown.contains("getToken(user)") && shown.contains("To reset your password: open Settings"), "{shown}");
}

#[tokio::test]
async fn a_long_result_is_whole() {
    let long = "Every line of it counts.\n".repeat(6_000);
    let (world, _) = world(vec![says(&long)], 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    let State::Completed { output } = &seen.task.state else { panic!("{:?}", seen.task.state) };
    assert_eq!(output.parse::<Value>().unwrap()["result"], long);
}

#[tokio::test]
async fn a_result_that_no_record_holds_is_cut_with_a_mark_that_says_how_much_there_was() {
    let (world, _) = world(vec![says(&"Every line of it counts.\n".repeat(16_000))], 0);
    let id = enqueue(&world, json!({})).await;
    let seen = until_ended(&world, id).await;
    let State::Completed { output } = &seen.task.state else { panic!("{:?}", seen.task.state) };
    let output: Value = output.parse().unwrap();
    let result = output["result"].as_str().unwrap();
    assert!(result.ends_with("of 400000 bytes]"), "{}", &result[result.len() - 60..]);
    assert!(result.len() > 150_000, "{}", result.len());
}
