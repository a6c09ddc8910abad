//! Reads what there is, as one tenant: lists, its own things, and others'.

use std::rc::Rc;

use errand::App;
use serde_json::Value;

use crate::{
    actors::{Actor, Work},
    invariants,
    pick::Pick,
    world::{Asking, TENANTS, World},
};

/// See the module.
pub struct Reader;

const LISTS: [&str; 7] = [
    "GET /v1/tasks",
    "GET /v1/queues",
    "GET /v1/dead-letters",
    "GET /v1/runs",
    "GET /v1/sessions",
    "GET /v1/agents",
    "GET /v1/workers",
];

impl Actor for Reader {
    fn name(&self) -> &'static str {
        "reader"
    }

    fn weight(&self) -> u32 {
        4
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let tenant = pick.of_these(&TENANTS);
        let task = {
            let book = world.book.borrow();
            book.tasks.get(pick.below(book.tasks.len())).copied()
        };
        let list = pick.of_these(&LISTS);
        Some(Box::pin(async move {
            if let Some((owner, id)) = task {
                let id = id.to_string();
                for route in ["GET /v1/tasks/{id}", "GET /v1/tasks/{id}/log"] {
                    let asked = Asking { path: &[("id", &id)], ..Asking::of(route, &Value::Null) };
                    let (status, _) = world.ask(&app, tenant, asked).await;
                    world.seen.hold(invariants::anothers_is_not_there(owner == tenant, status, route));
                }
            }
            world.ask(&app, tenant, Asking::of(list, &Value::Null)).await;
        }))
    }
}
