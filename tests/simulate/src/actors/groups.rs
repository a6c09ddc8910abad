//! Makes groups of tasks that another follows, adds to them, and calls them off.

use std::rc::Rc;

use errand::App;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    world::{Asking, TENANTS, World, user},
};

/// See the module.
pub struct Groups;

/// The most groups that somebody was told of; then no more are made.
const MOST_GROUPS: usize = 2;

impl Actor for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    fn weight(&self) -> u32 {
        5
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        if world.book.borrow().groups.len() < MOST_GROUPS && pick.percent(60) {
            return Some(make(app, world, pick));
        }
        let (tenant, group) = {
            let book = world.book.borrow();
            book.groups.get(pick.below(book.groups.len())).cloned()?
        };
        let (route, body) = match pick.below(4) {
            0 => ("POST /v1/groups/{id}/cancel", json!({})),
            1 => ("GET /v1/groups/{id}", Value::Null),
            _ => {
                let name = format!("{tenant}-a{}", world.number());
                ("POST /v1/groups/{id}/tasks", json!({"tasks": [member(&mut pick, tenant, &name)]}))
            }
        };
        let key = route.ends_with("tasks").then(|| format!("{tenant}-k{}", world.number()));
        Some(Box::pin(async move {
            let path = [("id", group.as_str())];
            for _ in 0..1 + usize::from(key.is_some()) {
                world.ask(&app, tenant, Asking { path: &path, key: key.clone(), ..Asking::of(route, &body) }).await;
            }
        }))
    }
}

fn make(app: App, world: Rc<World>, mut pick: Pick) -> Work {
    let tenant = pick.of_these(&TENANTS);
    let name = format!("{tenant}-g{}", world.number());
    let members: Vec<Value> =
        (0..1 + pick.below(3)).map(|nth| member(&mut pick, tenant, &format!("{name}.m{nth}"))).collect();
    let policy = policy(&mut pick);
    let after = |what: &str| member(&mut Pick::of(0), tenant, &format!("{name}.{what}"));
    let body = json!({"tasks": members, "policy": policy, "then": after("then"), "on_success": after("success")});
    let key = pick.percent(50).then(|| format!("{name}-key"));
    Box::pin(async move {
        for _ in 0..1 + usize::from(key.is_some()) {
            let asked = Asking { key: key.clone(), ..Asking::of("POST /v1/groups", &body) };
            let (_, answer) = world.ask(&app, tenant, asked).await;
            if let Some(group) = answer["id"].as_str() {
                world.book.borrow_mut().groups.push((tenant, group.to_owned()));
            }
        }
        let members: Vec<Uuid> = {
            let inside = world.seen.inside();
            let of_group = inside.lives.values().map(|life| &life.newest).filter(|task| !task.member_of.is_empty());
            of_group.filter(|task| task.key.tenant.as_str() == tenant).map(|task| task.key.id).collect()
        };
        // An operator may call off, or set going again, one of them.
        world.book.borrow_mut().tasks.extend(members.into_iter().take(2).map(|id| (tenant, id)));
    })
}

/// What members that end badly mean.
pub fn policy(pick: &mut Pick) -> Value {
    match pick.below(4) {
        0 => json!("fail_fast"),
        1 => json!({"tolerate": 1}),
        _ => json!("wait_all"),
    }
}

fn member(pick: &mut Pick, tenant: &str, name: &str) -> Value {
    let acts = match pick.below(6) {
        0 => json!([{"fail_for_good": "no"}]),
        1 => json!([{"snooze": 30}, "complete"]),
        2 => json!([{"fail": "no"}, "complete"]),
        _ => json!(["complete"]),
    };
    json!({"task_type": "scripted", "user_id": user(tenant), "payload": {"acts": acts, "mark": name, "credit": 1}})
}
