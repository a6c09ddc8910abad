//! Makes schedules that fire each minute for some minutes, puts them again, pauses, resumes and triggers them.

use std::{rc::Rc, time::Duration};

use errand::{App, Name, spi::clock::Clock};
use serde_json::{Value, json};

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    world::{Asking, TENANTS, World, user},
};

/// See the module.
pub struct Schedules;

/// The most schedules that are made.
const MOST_SCHEDULES: usize = 2;

/// A schedule that somebody made, and what is to be of it.
#[derive(Clone)]
pub struct Made {
    tenant: &'static str,
    id: String,
    body: Value,
    /// Whether nothing but a pause is ever asked of it: then nothing may fire after the answer.
    only_paused: bool,
}

impl Actor for Schedules {
    fn name(&self) -> &'static str {
        "schedules"
    }

    fn weight(&self) -> u32 {
        5
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        if world.book.borrow().schedules.len() < MOST_SCHEDULES && pick.percent(60) {
            let made = made(&world, &mut pick);
            world.book.borrow_mut().schedules.push(made.clone());
            return Some(Box::pin(async move { put(&app, &world, &made).await }));
        }
        let made = {
            let book = world.book.borrow();
            book.schedules.get(pick.below(book.schedules.len())).cloned()?
        };
        let route = match pick.below(if made.only_paused { 1 } else { 5 }) {
            0 => "POST /v1/schedules/{id}/pause",
            1 | 2 => "POST /v1/schedules/{id}/resume",
            3 => "POST /v1/schedules/{id}/trigger",
            _ => return Some(Box::pin(async move { put(&app, &world, &made).await })),
        };
        let named = (Name::of(made.tenant), made.id.clone());
        if route.ends_with("trigger") {
            world.seen.inside().triggered.insert(named.clone());
        }
        Some(Box::pin(async move {
            let asked = Asking { path: &[("id", &made.id)], ..Asking::of(route, &Value::Null) };
            let (status, _) = world.ask(&app, made.tenant, asked).await;
            if made.only_paused && status == 200 {
                world.seen.inside().paused.insert(named);
            }
        }))
    }
}

fn made(world: &World, pick: &mut Pick) -> Made {
    let tenant = pick.of_these(&TENANTS);
    let id = format!("{tenant}-s{}", world.number());
    let acts = pick.of_these(&[r#"["complete"]"#, r#"[{"snooze":90},"complete"]"#, r#"[{"fail":"no"},"complete"]"#]);
    let acts: Value = serde_json::from_str(acts).unwrap_or_default();
    let body = json!({
        "spec": {
            "cron": ["* * * * *"],
            "ends_at": world.clock.now() + Duration::from_secs(60 * (1 + pick.below(6) as u64)),
        },
        "task": {"task_type": "scripted", "user_id": user(tenant)},
        "payload": {"acts": acts, "mark": id},
        "policy": {
            "overlap": pick.of_these(&["skip", "buffer", "cancel", "allow"]),
            "catch_up": pick.of_these(&["latest", "all", "none"]),
        },
    });
    Made { tenant, id, body, only_paused: pick.percent(50) }
}

async fn put(app: &App, world: &World, made: &Made) {
    let asked = Asking { path: &[("id", &made.id)], ..Asking::of("PUT /v1/schedules/{id}", &made.body) };
    world.ask(app, made.tenant, asked).await;
}
