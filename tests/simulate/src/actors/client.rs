//! Enqueues tasks of every sort; some under a key, which is used again.

use std::{rc::Rc, time::Duration};

use errand::{App, spi::clock::Clock};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    actors::{Actor, Work, groups::policy},
    pick::Pick,
    world::{Asking, TENANTS, World, user},
};

/// See the module.
pub struct Enqueuer;

/// The most tasks that somebody was told of; then no more are asked for.
const MOST_TASKS: usize = 8;

/// How many keys there are.
const KEYS: usize = 4;

const ACTS: [&str; 14] = [
    r#"{"fail":"no"}"#,
    r#"{"fail":"no"}"#,
    r#"{"fail_for_good":"no"}"#,
    r#"{"retry_after":20}"#,
    r#"{"retry_after":2000}"#,
    r#"{"snooze":10}"#,
    r#"{"snooze":2000}"#,
    r#"{"cancel":"off"}"#,
    r#""panic""#,
    r#""panic""#,
    r#""hang""#,
    r#"{"sleep":20000}"#,
    r#""step""#,
    r#""step""#,
];

const LAST_ACTS: [&str; 8] = [
    r#""complete""#,
    r#""complete""#,
    r#""complete""#,
    r#"{"fail":"no"}"#,
    r#"{"cancel":"off"}"#,
    r#"{"block":"ask"}"#,
    r#""panic""#,
    r#"{"sleep":20000}"#,
];

impl Actor for Enqueuer {
    fn name(&self) -> &'static str {
        "client"
    }

    fn weight(&self) -> u32 {
        14
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        if world.book.borrow().tasks.len() >= MOST_TASKS {
            return None;
        }
        let tenant = pick.of_these(&TENANTS);
        let (key, name) = if pick.percent(30) {
            let key = format!("{tenant}-key-{}", pick.below(KEYS));
            (Some(key.clone()), key)
        } else {
            (None, format!("{tenant}-n{}", world.number()))
        };
        // The same key is for the same request; so it alone says what is asked for.
        let mut what = match &key {
            Some(key) => Pick::of(key.bytes().map(u64::from).sum()),
            None => pick,
        };
        let mut body = body(&mut what, tenant, &name);
        if let Some(s) = what.percent(15).then(|| what.of_these(&[1300, 3000])).filter(|_| key.is_none()) {
            body["expires_at"] = json!(world.clock.now() + Duration::from_secs(s));
        }
        Some(Box::pin(async move {
            let asked = Asking { key, ..Asking::of("POST /v1/tasks", &body) };
            let (_, answer) = world.ask(&app, tenant, asked).await;
            if let Some(id) = answer["id"].as_str().and_then(|id| Uuid::try_parse(id).ok()) {
                world.book.borrow_mut().tasks.push((tenant, id));
            }
        }))
    }
}

fn body(pick: &mut Pick, tenant: &str, name: &str) -> Value {
    let user = user(tenant);
    let task_type = pick.of_these(&["scripted", "scripted", "scripted", "fetch", "call"]);
    let payload = if task_type == "scripted" {
        // The last is done again and again.
        if pick.percent(20) {
            return fan_out(pick, tenant, name);
        }
        let mut acts: Vec<Value> = (0..pick.below(4)).map(|_| act(pick, &ACTS)).collect();
        acts.push(act(pick, &LAST_ACTS));
        json!({"acts": acts, "mark": name, "credit": 1, "publish": "sim.done", "then": {"mark": format!("{name}.then")}})
    } else {
        json!({"name": name, "user": user, "follow": pick.percent(60)})
    };
    json!({
        "task_type": task_type,
        "user_id": user,
        "payload": payload,
        "max_retries": pick.below(3),
        "priority": pick.of_these(&["urgent", "medium", "medium", "low"]),
        "timeout_s": pick.of_these(&[5, 30, 30, 50, 300]),
        "delay_s": pick.of_these(&[0, 0, 0, 1, 30, 1200]),
    })
}

/// A task that makes others and waits for them.
fn fan_out(pick: &mut Pick, tenant: &str, name: &str) -> Value {
    let mut acts: Vec<Value> = (0..pick.below(2)).map(|_| act(pick, &ACTS)).collect();
    acts.push(json!({"fan_out": 1 + pick.below(3)}));
    let member = json!({"acts": [act(pick, &ACTS), act(pick, &LAST_ACTS)], "mark": format!("{name}.m"), "credit": 1});
    let payload = json!({"acts": acts, "member": member, "mark": name, "policy": policy(pick)});
    json!({"task_type": "scripted", "user_id": user(tenant), "payload": payload, "max_retries": pick.below(3)})
}

fn act(pick: &mut Pick, acts: &[&str]) -> Value {
    serde_json::from_str(pick.of_these(acts)).unwrap_or_default()
}
