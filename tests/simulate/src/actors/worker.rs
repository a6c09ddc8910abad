//! Workers outside: they claim, say that they go on, and say how it ended; sometimes late, twice, or not at all.

use std::rc::Rc;

use errand::App;
use serde_json::{Value, json};

use crate::{
    actors::{Actor, Work},
    invariants,
    pick::Pick,
    target::done,
    world::{Asking, Claimed, TENANTS, World},
};

/// See the module.
pub struct WorkerOutside;

impl Actor for WorkerOutside {
    fn name(&self) -> &'static str {
        "worker"
    }

    fn weight(&self) -> u32 {
        12
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let held = {
            let book = world.book.borrow();
            book.claims.get(pick.below(book.claims.len())).cloned()
        };
        match held.filter(|_| pick.percent(60)) {
            None => {
                let tenant = pick.of_these(&TENANTS);
                let worker = format!("{tenant}-w{}", pick.below(2));
                let key = pick.percent(50).then(|| format!("{worker}-{}", pick.below(6)));
                Some(Box::pin(async move { claim(&app, &world, tenant, worker, key).await }))
            }
            Some(claimed) => {
                let outcome = outcome(&mut pick, &claimed.task["payload"]);
                Some(Box::pin(async move { finish(&app, &world, &claimed, outcome).await }))
            }
        }
    }
}

/// Claims for `worker`, which remembers what it is given.
pub async fn claim(app: &App, world: &World, tenant: &'static str, worker: String, key: Option<String>) {
    let body = json!({"worker_id": worker, "task_types": ["fetch"], "max": 2, "lease_s": 30});
    let (_, answer) = world.ask(app, tenant, Asking { key, ..Asking::of("POST /v1/claims", &body) }).await;
    for task in answer["items"].as_array().into_iter().flatten() {
        let lease = task["lease_token"].as_str().unwrap_or_default().to_owned();
        let held = invariants::a_lease_is_one_workers(&mut world.seen.inside().leases, lease, &worker);
        world.seen.hold(held);
        world.book.borrow_mut().claims.push(Claimed { tenant, worker: worker.clone(), task: task.clone() });
    }
}

/// Says of what was claimed how it ended; `None`: that it goes on.
pub async fn finish(app: &App, world: &World, claimed: &Claimed, outcome: Option<Value>) {
    let (id, lease) = (claimed.task["task_id"].as_str().unwrap_or_default(), &claimed.task["lease_token"]);
    match outcome {
        Some(mut outcome) => {
            outcome["lease_token"] = lease.clone();
            let asked = Asking { path: &[("id", id)], ..Asking::of("POST /v1/tasks/{id}/finish", &outcome) };
            let (status, _) = world.ask(app, claimed.tenant, asked).await;
            if status == 200 {
                let (attempt, said) = (&claimed.task["attempt"], outcome["status"].as_str().unwrap_or_default());
                let held = invariants::what_was_taken_is_in_the_log(&world.seen.inside(), id, attempt, said);
                world.seen.hold(held);
            }
        }
        None => {
            let beat = json!({"worker_id": claimed.worker, "leases": [{"task_id": id, "lease_token": lease}]});
            world.ask(app, claimed.tenant, Asking::of("POST /v1/claims/heartbeat", &beat)).await;
        }
    }
}

fn outcome(pick: &mut Pick, payload: &Value) -> Option<Value> {
    match pick.below(10) {
        0 => None,
        1 => Some(json!({"status": "failed", "failure": {"message": "no"}})),
        2 => Some(json!({"status": "failed", "failure": {"message": "no", "retryable": false}})),
        3 => Some(json!({"status": "snoozed", "retry_after_s": 30})),
        4 => Some(json!({"status": "released"})),
        5 => Some(json!({"status": "blocked", "reason": "ask"})),
        _ => Some(done(payload)),
    }
}
