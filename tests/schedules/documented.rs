//! The example in the documents does what they say.

use integration_tests::{events::Call, world::World};
use serde_json::Value;

const TEXT: &str = include_str!("../../docs/schedules.md");

#[tokio::test]
async fn the_example_makes_a_schedule_and_all_that_is_done_to_it_is_answered() {
    let world = World::new();
    let (_, example) = TEXT.split_once("```sh\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let (first, rest) = example.split_once("}'\n").unwrap();
    let (_, body) = first.split_once("-d '").unwrap();
    let body: Value = serde_json::from_str(&format!("{body}}}")).unwrap();
    let made = Call::put("/v1/schedules/nightly", &body).answer(&world.app).await.body(201);
    assert_eq!(made["policy"]["overlap"], "skip");
    let mut done = 0;
    for line in rest.lines() {
        let method = ["POST", "DELETE"].into_iter().find(|method| line.contains(method)).unwrap_or("GET");
        let path = line.split_once("127.0.0.1:8787").unwrap().1.split_whitespace().next().unwrap();
        let sent = line.split_once("-d '").map(|(_, body)| body.trim_end_matches('\''));
        let call = match sent {
            Some(sent) => Call::post(path, &serde_json::from_str(sent).unwrap()),
            None => Call::to(method, path),
        };
        let call = if line.contains("idempotency-key") { call.header("idempotency-key", "today") } else { call };
        let answer = call.answer(&world.app).await;
        assert!(answer.status < 300, "{line}: {}", answer.body);
        done += 1;
    }
    assert_eq!(done, 5);
}
