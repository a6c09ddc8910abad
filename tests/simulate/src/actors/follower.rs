//! Reads the list of a tenant's events, page by page, from where it stood.

use std::rc::Rc;

use errand::{App, Name};
use serde_json::Value;

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    world::{Asking, TENANTS, World},
};

/// See the module.
pub struct Follower;

impl Actor for Follower {
    fn name(&self) -> &'static str {
        "follower"
    }

    fn weight(&self) -> u32 {
        5
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let tenant = pick.of_these(&TENANTS);
        Some(Box::pin(async move {
            read_on(&app, &world, tenant).await;
        }))
    }
}

/// Reads one page. Whether there was anything in it.
pub async fn read_on(app: &App, world: &World, tenant: &'static str) -> bool {
    let cursor = world.book.borrow().cursors.get(tenant).cloned();
    let after = cursor.clone().unwrap_or_default();
    let asked = Asking { query: &[("after", &after), ("limit", "3")], ..Asking::of("GET /v1/events", &Value::Null) };
    let (status, answer) = world.ask(app, tenant, asked).await;
    let mut book = world.book.borrow_mut();
    if status != 200 || book.cursors.get(tenant) != cursor.as_ref() {
        return false; // another reader of the same tenant has read on meanwhile
    }
    if let Some(next) = answer["cursor"].as_str() {
        book.cursors.insert(tenant, next.to_owned());
    }
    let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids = items.iter().filter_map(|event| event["id"].as_str().map(str::to_owned));
    world.seen.inside().read.entry(Name::of(tenant)).or_default().extend(ids);
    !items.is_empty()
}
