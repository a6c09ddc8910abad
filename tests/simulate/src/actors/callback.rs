//! A target that does a task later says by its callback that it goes on, or how it ended; maybe twice.

use std::rc::Rc;

use errand::App;
use serde_json::json;

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    target::done,
    world::{Asking, TENANTS, World},
};

/// See the module.
pub struct Callbacker;

impl Actor for Callbacker {
    fn name(&self) -> &'static str {
        "callback"
    }

    fn weight(&self) -> u32 {
        6
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let (token, payload) = world.take_later(pick.below(16))?;
        let tenant =
            TENANTS.into_iter().find(|tenant| payload["name"].as_str().is_some_and(|n| n.starts_with(tenant)))?;
        let (route, body) = match pick.below(6) {
            0 => ("POST /v1/callbacks/{token}/heartbeat", json!({"lease_s": 120})),
            1 => ("POST /v1/callbacks/{token}", json!({"status": "failed", "failure": {"message": "no"}})),
            _ => ("POST /v1/callbacks/{token}", done(&payload)),
        };
        Some(Box::pin(async move {
            world.ask(&app, tenant, Asking { path: &[("token", &token)], ..Asking::of(route, &body) }).await;
        }))
    }
}
