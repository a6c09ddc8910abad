//! Somebody who has agents do something, on small budgets, and steers them.

use std::rc::Rc;

use errand::App;
use serde_json::json;
use uuid::Uuid;

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    world::{Asking, TENANTS, World},
};

/// See the module.
pub struct Runs;

/// The most runs that are asked for.
const MOST_RUNS: usize = 2;

/// What an agent may spend in a month, and what a mission may cost, in cents. A call costs one.
const BUDGETS: [u64; 4] = [1, 2, 300, 1000];

impl Actor for Runs {
    fn name(&self) -> &'static str {
        "runs"
    }

    fn weight(&self) -> u32 {
        5
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let tenant = pick.of_these(&TENANTS);
        if world.book.borrow().runs.len() < MOST_RUNS && pick.percent(50) {
            return Some(begin(app, world, pick, tenant));
        }
        let (tenant, run) = {
            let book = world.book.borrow();
            book.runs.get(pick.below(book.runs.len())).cloned()?
        };
        let (route, body) = match pick.below(5) {
            0 => ("POST /v1/runs/{id}/cancel", json!({"reason": "enough"})),
            1 => ("POST /v1/runs/{id}/commands", json!({"kind": "interrupt"})),
            _ => ("POST /v1/runs/{id}/commands", json!({"kind": "turn", "payload": {"prompt": "And more."}})),
        };
        Some(Box::pin(async move {
            world.ask(&app, tenant, Asking { path: &[("id", &run)], ..Asking::of(route, &body) }).await;
        }))
    }
}

fn begin(app: App, world: Rc<World>, mut pick: Pick, tenant: &'static str) -> Work {
    let (agent, mission) = (format!("{tenant}-agent"), format!("{tenant}-m{}", world.number()));
    // An agent's is the same whenever it is named: what was named before would hold for calls that go on.
    let first = tenant.bytes().next().map_or(0, usize::from);
    let (monthly, goal) = (BUDGETS[first % BUDGETS.len()], pick.of_these(&BUDGETS));
    {
        let charges = &mut world.seen.inside().charges.0;
        charges.entry(agent.clone()).or_default().limit = monthly * 10_000;
        charges.entry(mission.clone()).or_default().limit = goal * 10_000;
    }
    Box::pin(async move {
        #[allow(clippy::cast_precision_loss)] // few cents
        let usd = |cents: u64| cents as f64 / 100.0;
        let body = json!({
            "prompt": format!("Do it. [{mission}][{agent}]"),
            "agent_id": agent,
            "session_id": format!("{tenant}-session"),
            "budgets": {"monthly_usd": usd(monthly)},
            "mission_cost_budget_usd": usd(goal),
            "max_retries": 1,
        });
        let (_, answer) = world.ask(&app, tenant, Asking::of("POST /v1/runs", &body)).await;
        let mut book = world.book.borrow_mut();
        if let Some(run) = answer["id"].as_str() {
            book.runs.push((tenant, run.to_owned()));
        }
        if let Some(task) = answer["task_id"].as_str().and_then(|id| Uuid::try_parse(id).ok()) {
            book.tasks.push((tenant, task));
        }
    })
}
