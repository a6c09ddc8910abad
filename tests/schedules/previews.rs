//! What is shown of a schedule before it is made.

use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

async fn preview(body: Value) -> (u16, Value) {
    let world = World::new();
    let answer = Call::post("/v1/schedules/preview", &body).answer(&world.app).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_preview_has_a_word_on_each_change_of_the_clock() {
    let spec = json!({"cron": ["30 2 * * *"], "zone": "Europe/Berlin"});
    let (status, forward) = preview(json!({"spec": spec, "after": "2027-03-27T12:00:00Z", "limit": 2})).await;
    assert_eq!(status, 200, "{forward}");
    let (_, back) = preview(json!({"spec": spec, "after": "2027-10-30T12:00:00Z", "limit": 1})).await;
    insta::assert_json_snapshot!([forward, back]);
    let (_, one) = preview(json!({"spec": {"at": ["2020-01-01T00:00:00Z"]}})).await;
    assert_eq!(one, json!({"items": [], "count": 0, "clock_changes": []}));
}

#[tokio::test]
async fn what_is_wrong_is_said_by_its_field() {
    for (body, field) in [
        (json!({"spec": {"cron": ["@daily", "61 * * * *"]}}), "spec.cron[1]"),
        (json!({"spec": {"cron": ["@daily"], "zone": "Mars"}}), "spec.zone"),
        (json!({"spec": {"cron": ["@daily"], "when": 1}}), "spec.when"),
        (json!({"spec": {"cron": ["@daily"]}, "limit": 101}), "limit"),
    ] {
        let (status, answer) = preview(body).await;
        assert_eq!((status, &answer["error"]["field"]), (400, &json!(field)), "{answer}");
    }
}

#[tokio::test]
async fn a_schedule_has_a_value_of_its_own_for_what_is_spread() {
    let minute = async |id: &str| {
        let (_, shown) = preview(json!({"spec": {"cron": ["H H * * *"]}, "id": id, "limit": 1})).await;
        shown["items"][0]["local"].as_str().unwrap()[11..].to_owned()
    };
    let (one, other) = (minute("reports").await, minute("backups").await);
    assert_eq!(one, minute("reports").await);
    assert_ne!(one, other);
}
