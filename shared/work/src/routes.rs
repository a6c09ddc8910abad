//! What the functions serve of users' own work.

mod callbacks;
mod types;
mod work;

use errand::spi::rights::Right;
use errand_http::{Listed, Parameter, RotateRequest, Route, TaskView};
use serde_json::json;

use crate::{
    ClaimTasks, Claims, HeartbeatRequest, News, WorkOutcome,
    callback::{CallbackHeartbeat, CallbackNews},
    finish::{FinishBatch, FinishTask, FinishedBatch},
    push::Trial,
};
use callbacks::Called;
pub use types::of_tenant;
use types::{RotatedSecret, TestRequest, TypeRequest, TypeView};
use work::{WorkerRequest, WorkerView};

/// The writes: of tasks, of task types and workers, and what workers ask for and say.
pub fn control() -> Vec<Route> {
    let mut routes = errand_http::control::routes();
    routes.extend([
        Route::put("/v1/task-types/{name}", "PutTaskType", types::put)
            .needs(Right::Operate)
            .answers::<TypeView>("Makes a task type, or changes one; the kind of its `run` stays.")
            .creates::<TypeView>()
            .body::<TypeRequest>()
            .or(&[409])
            .leads_to(&["GetTaskType", "RetireTaskType"], &json!({"name": "$request.path.name"})),
        Route::delete("/v1/task-types/{name}", "RetireTaskType", types::retire)
            .needs(Right::Operate)
            .answers::<TypeView>(
                "Retires a task type: no more of its tasks are taken, those there are come to their ends, then it is removed.",
            )
            .query([Parameter::flag("force", "Whether its tasks that have not ended are cancelled.")])
            .or(&[404]),
        Route::post("/v1/task-types/{name}/rotate-secret", "RotateSecret", types::rotate)
            .needs(Right::Operate)
            .answers::<RotatedSecret>("Signs a type's calls by a new secret, and by the one before for a while.")
            .body::<RotateRequest>()
            .or(&[404, 409]),
        Route::post("/v1/task-types/{name}/test", "TestTaskType", types::test)
            .needs(Right::Operate)
            .answers::<Trial>("Calls a type's target once, signed, and shows what that would mean for a task; there is none.")
            .optional_body::<TestRequest>()
            .or(&[404, 409]),
        Route::post("/v1/callbacks/{token}", "FinishCallback", callbacks::finish)
            .open()
            .answers::<Called>("Ends a task that was called and goes on elsewhere. Said again it is answered again.")
            .body::<WorkOutcome>()
            .or(&[404, 409, 410]),
        Route::post("/v1/callbacks/{token}/heartbeat", "HeartbeatCallback", callbacks::heartbeat)
            .open()
            .answers::<CallbackNews>("Says that such a task goes on.")
            .body::<CallbackHeartbeat>()
            .or(&[404, 409, 410]),
        Route::put("/v1/workers/{id}", "PutWorker", work::put_worker)
            .needs(Right::Work)
            .answers::<WorkerView>("Says what a worker is; with `state: drain` it is given no more tasks.")
            .creates::<WorkerView>()
            .optional_body::<WorkerRequest>(),
        Route::post("/v1/claims", "ClaimTasks", work::claim)
            .needs(Right::Work)
            .answers::<Claims>("Takes tasks to work on them outside.")
            .body::<ClaimTasks>()
            .keyed(),
        Route::post("/v1/claims/heartbeat", "HeartbeatClaims", work::heartbeat)
            .needs(Right::Work)
            .answers::<News>("Renews all leases of a worker; tells which it has lost.")
            .body::<HeartbeatRequest>(),
        Route::post("/v1/claims/finish", "FinishClaims", work::finish_batch)
            .needs(Right::Work)
            .answers::<FinishedBatch>("Ends up to 50 tasks, each for itself, and takes the next ones.")
            .body::<FinishBatch>()
            .keyed(),
        Route::post("/v1/tasks/{id}/finish", "FinishTask", work::finish)
            .needs(Right::Work)
            .answers::<TaskView<'_>>("Ends a task that its worker holds. Said again it is answered again.")
            .body::<FinishTask>()
            .or(&[404, 409]),
    ]);
    routes
}

/// What only reads.
pub fn status(all: fn() -> &'static [Route]) -> Vec<Route> {
    let mut routes = errand_http::status::routes(all);
    routes.extend([
        Route::get("/v1/task-types", "ListTaskTypes", types::list)
            .answers::<Listed<TypeView>>("The task types: what each is given, with an example."),
        Route::get("/v1/task-types/{name}", "GetTaskType", types::get).answers::<TypeView>("One task type.").or(&[404]),
        Route::get("/v1/workers", "ListWorkers", work::workers)
            .answers::<Listed<WorkerView>>("Workers that have said what they are, newest first.")
            .paged(errand_http::record_place),
    ]);
    routes
}
