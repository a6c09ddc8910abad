//! Reading on: events while others append, cursors beyond the end.

use integration_tests::world::World;
use serde_json::json;

use super::{claim, done, get, message, outside, refused};

#[tokio::test]
async fn five_thousand_events_are_paged_while_others_append_and_none_is_missed_or_repeated() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let lease = claim(&world, &run, "r").await;
    let path = format!("/v1/runs/{run}/events");
    let append = async || {
        for batch in 0..100 {
            let events: Vec<_> = (0..50).map(|n| message(&format!("{batch}.{n}"))).collect();
            let answer = done(&world, &path, &json!({"lease_token": lease, "events": events})).await;
            assert_eq!(answer["count"], 50);
            tokio::task::yield_now().await;
        }
    };
    let read = async || {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), "0".to_owned(), 0);
        while seen.len() < 5_000 {
            let page = get(&world, &format!("{path}?after_seq={cursor}&limit=73")).await;
            seen.extend(page["items"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()));
            assert!(page["count"].as_u64().unwrap() <= 73);
            cursor = page["cursor"].as_str().unwrap().to_owned();
            pages += 1;
            tokio::task::yield_now().await;
        }
        (seen, pages)
    };
    let (_, (seen, pages)) = futures::join!(append(), read());
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
    assert!(pages > 69, "the reader was never ahead");
    // With a budget of its own, and everything at once.
    let page = get(&world, &format!("{path}?after_seq=0&limit=500")).await;
    assert_eq!((page["count"].as_u64(), page["cursor"].as_str()), (Some(500), Some("500")));
}

#[tokio::test]
async fn a_cursor_beyond_the_end_answers_an_empty_page_with_the_same_cursor() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let session = get(&world, &format!("/v1/runs/{run}")).await["session_id"].as_str().unwrap().to_owned();
    for path in [
        format!("/v1/runs/{run}/events"),
        format!("/v1/runs/{run}/commands"),
        format!("/v1/sessions/{session}/trace?run_id={run}"),
        format!("/v1/sessions/{session}/output?run_id={run}"),
    ] {
        let and = if path.contains('?') { '&' } else { '?' };
        for after in [7_u64, 1 << 40, u64::MAX] {
            let page = get(&world, &format!("{path}{and}after_seq={after}")).await;
            assert_eq!((&page["count"], &page["cursor"]), (&json!(0), &json!(after.to_string())), "{path}");
        }
    }
}

#[tokio::test]
async fn limits_and_cursors_that_are_none_are_refused_by_name() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    for (path, field) in [
        (format!("/v1/runs/{run}/events?limit=501"), "limit"),
        (format!("/v1/runs/{run}/events?after_seq=-1"), "after_seq"),
        (format!("/v1/runs/{run}/commands?limit=101"), "limit"),
        (format!("/v1/runs/{run}/commands?after_seq=x"), "after_seq"),
        (format!("/v1/runs/{run}/events?since=1"), "since"),
        ("/v1/sessions?cursor=x".to_owned(), "cursor"),
        ("/v1/sessions?cursor=active/".to_owned(), "cursor"),
        ("/v1/sessions?cursor=read/abc".to_owned(), "cursor"),
        ("/v1/sessions?cursor=read/2026-01-01T00:00:00.000Z/x".to_owned(), "cursor"),
        ("/v1/runs?cursor=abc".to_owned(), "cursor"),
        ("/v1/workers?cursor=abc".to_owned(), "cursor"),
        ("/v1/runs?cursor=".to_owned(), "cursor"),
        (format!("/v1/agents?cursor={}", "x".repeat(257)), "cursor"),
        ("/v1/sessions?state=some".to_owned(), "state"),
        ("/v1/runs?status=some".to_owned(), "status"),
        ("/v1/runs?project=p&session_id=s".to_owned(), "session_id"),
    ] {
        let (status, _, named, _) = integration_tests::events::Call::get(&path).answer(&world.app).await.error();
        assert_eq!((status, named.as_str()), (400, field), "{path}");
    }
}

#[tokio::test]
async fn commands_are_followed_by_their_number_each_once() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let path = format!("/v1/runs/{run}/commands");
    for n in 0..7 {
        done(&world, &path, &json!({"kind": "steer", "payload": {"prompt": n.to_string()}})).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), "0".to_owned());
    for _ in 0..4 {
        let page = get(&world, &format!("{path}?after_seq={cursor}&limit=3")).await;
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|c| c["payload"]["prompt"].as_str().unwrap().to_owned()),
        );
        cursor = page["cursor"].as_str().unwrap().to_owned();
    }
    assert_eq!((seen.concat(), cursor), ("0123456".to_owned(), "7".to_owned()));
}

#[tokio::test]
async fn a_batch_under_a_key_is_appended_once() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let lease = claim(&world, &run, "r").await;
    let path = format!("/v1/runs/{run}/events");
    let send = |text: &str| {
        let body = json!({"lease_token": lease, "events": [message(text)]});
        integration_tests::events::Call::post(&path, &body).header("idempotency-key", "b1")
    };
    let first = send("a").answer(&world.app).await.body(200);
    let again = send("a").answer(&world.app).await.body(200);
    assert_eq!((&again["first_seq"], &again["deduplicated"]), (&first["first_seq"], &json!(true)));
    assert_eq!(send("b").answer(&world.app).await.status, 409);
    let many: Vec<_> = (0..51).map(|_| message("x")).collect();
    let too_many = refused(&world, &path, &json!({"lease_token": lease, "events": many})).await;
    assert_eq!((too_many.0, too_many.2.as_str()), (400, "events"));
}
