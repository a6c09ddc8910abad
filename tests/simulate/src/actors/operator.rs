//! Somebody who calls tasks off, sets them going again, has them run now or later; and ends of many at once.

use std::{rc::Rc, time::Duration};

use errand::{App, spi::clock::Clock};
use serde_json::json;

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    world::{Asking, World},
};

/// See the module.
pub struct Operator;

impl Actor for Operator {
    fn name(&self) -> &'static str {
        "operator"
    }

    fn weight(&self) -> u32 {
        10
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let (tenant, id) = {
            let book = world.book.borrow();
            *book.tasks.get(pick.below(book.tasks.len()))?
        };
        let (route, body) = match pick.below(9) {
            0..2 => ("POST /v1/tasks/{id}/cancel", json!({})),
            2..5 => ("POST /v1/tasks/{id}/retry", json!({})),
            5 => ("POST /v1/tasks/{id}/process", json!({})),
            6 => ("POST /v1/tasks/{id}/process", json!({"force": true})),
            7 => ("POST /v1/dead-letters/redrive", json!({"all": true})),
            _ => {
                let s = pick.of_these(&[0, 60, 2000]);
                ("POST /v1/tasks/{id}/reschedule", json!({"run_at": world.clock.now() + Duration::from_secs(s)}))
            }
        };
        let key = pick.percent(30).then(|| format!("{tenant}-o{}", world.number()));
        Some(Box::pin(async move {
            let id = id.to_string();
            let path = [("id", id.as_str())];
            let keyed = || key.clone().filter(|_| route.contains("{id}"));
            let asked = || Asking { path: &path, key: keyed(), ..Asking::of(route, &body) };
            world.ask(&app, tenant, asked()).await;
            if key.is_some() {
                // Whoever names a request says it again if they are not sure that it was heard.
                world.ask(&app, tenant, asked()).await;
            }
        }))
    }
}
