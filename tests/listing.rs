//! Lists over more than one list: all statuses, all queues; and what follows from a task.

use std::collections::BTreeSet;

use integration_tests::{events::Call, faults::Faults, world::World};
use serde_json::{Value, json};

async fn page(world: &World, query: &str) -> Value {
    Call::get(&format!("/v1/tasks?{query}")).answer(&world.app).await.body(200)
}

/// The marks of all tasks of a list, page by page.
async fn marks(world: &World, query: &str, limit: usize) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = page(world, &format!("{query}&limit={limit}{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        seen.extend(items.iter().map(|task| task["payload"]["mark"].as_str().unwrap().to_owned()));
        match page["cursor"].as_str() {
            None => return seen,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
    panic!("no end: {seen:?}");
}

/// In each of three queues one task of each of four statuses, marked `queue.status`; and one in another project.
async fn filled() -> World {
    let world = World::new();
    for queue in ["c", "a", "b"] {
        for (status, acts) in [
            ("completed", json!([])),
            ("failed", json!([{"fail_for_good": "no"}])),
            ("blocked", json!([{"block": "why"}])),
        ] {
            let payload = json!({"mark": format!("{queue}.{status}"), "acts": acts});
            world.enqueue(&json!({"task_type": "scripted", "queue": queue, "payload": payload})).await;
        }
    }
    world.deliver_all().await;
    for queue in ["c", "a", "b"] {
        let payload = json!({"mark": format!("{queue}.open")});
        world.enqueue(&json!({"task_type": "scripted", "queue": queue, "payload": payload, "delay_s": 600})).await;
    }
    let elsewhere =
        json!({"task_type": "scripted", "project": "p", "queue": "a", "payload": {"mark": "p"}, "delay_s": 600});
    world.enqueue(&elsewhere).await;
    world
}

#[tokio::test]
async fn all_statuses_of_a_queue_follow_each_other() {
    let world = filled().await;
    for limit in [1, 2, 3, 4, 50] {
        let seen = marks(&world, "queue=a&status=all", limit).await;
        assert_eq!(seen, ["a.open", "a.completed", "a.failed", "a.blocked"], "{limit}");
    }
    assert_eq!(marks(&world, "queue=a&status=failed", 9).await, ["a.failed"]);
    assert_eq!(marks(&world, "queue=a", 9).await, ["a.open"]);
}

#[tokio::test]
async fn all_queues_of_a_project_follow_each_other_by_name() {
    let world = filled().await;
    for limit in [1, 2, 3, 50] {
        assert_eq!(marks(&world, "queue=*", limit).await, ["a.open", "b.open", "c.open"], "{limit}");
        assert_eq!(marks(&world, "queue=*&status=failed", limit).await, ["a.failed", "b.failed", "c.failed"]);
        assert_eq!(marks(&world, "queue=*&status=all&type=scripted", limit).await.len(), 12);
    }
    assert_eq!(marks(&world, "queue=*&project=p", 9).await, ["p"]);
    assert!(marks(&world, "queue=*&project=none", 9).await.is_empty());
}

#[tokio::test]
async fn a_page_looks_into_so_many_queues_and_goes_on() {
    let world = World::new();
    for nth in 0..60 {
        let queue = format!("q{nth:02}");
        let payload = json!({"mark": queue});
        world.enqueue(&json!({"task_type": "scripted", "queue": queue, "payload": payload, "delay_s": 600})).await;
    }
    let first = page(&world, "queue=*&status=failed").await;
    assert_eq!((&first["count"], &first["cursor"]), (&json!(0), &json!("q25/failed/")));
    let seen = marks(&world, "queue=*", 7).await;
    assert_eq!((seen.len(), seen.is_sorted()), (60, true));
}

#[tokio::test]
async fn the_queues_of_other_projects_are_not_read_for_those_of_one() {
    let mut reads = Vec::new();
    for elsewhere in [0, 250] {
        let world = World::new();
        for (project, queue) in (0..elsewhere).map(|nth| ("a", nth)).chain([("p", 0), ("p", 1)]) {
            let queue = format!("q{queue:03}");
            let payload = json!({"mark": queue});
            let task = json!({"task_type": "scripted", "project": project, "queue": queue, "payload": payload, "delay_s": 600});
            world.enqueue(&task).await;
        }
        let faults = Faults::none();
        let asked = Call::get("/v1/tasks?queue=*&project=p").answer(&faults.around(&world.app)).await.body(200);
        assert_eq!(asked["count"], 2);
        reads.push(faults.calls());
    }
    assert_eq!(reads[0], reads[1], "calls of the store beside no other queue, and beside 250");
}

#[tokio::test]
async fn what_follows_from_a_task_is_listed_newest_first() {
    let world = World::new();
    let parent = world.enqueue(&json!({"task_type": "scripted", "payload": {}})).await;
    for (mark, more) in [("one", json!({})), ("two", json!({"queue": "other"})), ("three", json!({"delay_s": 600}))] {
        let mut child = json!({"task_type": "scripted", "payload": {"mark": mark}, "parent_id": parent});
        child.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.enqueue(&child).await;
        world.advance(1);
    }
    world.enqueue(&json!({"task_type": "scripted", "payload": {"mark": "none"}})).await;
    world.deliver_all().await;
    let of = format!("parent_id={parent}");
    for limit in [1, 2, 9] {
        assert_eq!(marks(&world, &of, limit).await, ["three", "two", "one"]);
    }
    assert_eq!(marks(&world, &format!("{of}&status=open"), 9).await, ["three"]);
    assert_eq!(marks(&world, &format!("{of}&status=all"), 9).await.len(), 3);
    let theirs = Call::get(&format!("/v1/tasks?{of}")).header("x-errand-tenant", "other");
    assert_eq!(theirs.answer(&world.app).await.body(200)["count"], 0);
}

#[tokio::test]
async fn lists_that_do_not_go_together_are_refused_by_name() {
    let world = World::new();
    let id = "00000000-0000-4000-8000-000000000000";
    let mut fields = BTreeSet::new();
    for (query, field) in [
        (format!("parent_id={id}&queue=q"), "parent_id"),
        (format!("parent_id={id}&project=p"), "parent_id"),
        (format!("parent_id={id}&user_id=u"), "parent_id"),
        ("parent_id=x".to_owned(), "parent_id"),
        ("user_id=u&queue=*".to_owned(), "user_id"),
        ("queue=*&cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(), "cursor"),
        ("queue=q&status=all&cursor=q/some/".to_owned(), "cursor"),
        ("queue=**".to_owned(), "queue"),
        ("status=every".to_owned(), "status"),
    ] {
        let (status, _, at, _) = Call::get(&format!("/v1/tasks?{query}")).answer(&world.app).await.error();
        assert_eq!((status, at.as_str()), (400, field), "{query}");
        fields.insert(at);
    }
    assert_eq!(fields.len(), 5);
}
