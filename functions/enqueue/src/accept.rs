//! The way of every request, however it came: check it, insert it, notify it.

use std::collections::VecDeque;

use errand::{
    app::App,
    ids,
    lifecycle::Task,
    notify::notify,
    store::{self, Inserted},
};
use errand_http::{ApiError, Caller, TaskRequest, TaskView, in_time};

/// A request that was taken.
#[derive(Debug)]
pub struct Accepted {
    /// The task, as it is stored.
    pub task: Task,
    /// Whether it was there already.
    pub deduplicated: bool,
}

impl Accepted {
    /// 201 for a new task, 200 for one that was there.
    pub fn status(&self) -> u16 {
        if self.deduplicated { 200 } else { 201 }
    }

    /// The task as the API answers it.
    pub fn view(&self) -> TaskView<'_> {
        TaskView { deduplicated: Some(self.deduplicated), ..TaskView::from(&self.task) }
    }
}

/// Takes one request, as [`accept`] does.
pub async fn accept_one(app: &App, caller: Caller, request: TaskRequest) -> Result<Accepted, ApiError> {
    let accepted = accept(app, vec![Ok((caller, request))]).await.pop();
    accepted.unwrap_or_else(|| Err(ApiError::conflict("nothing was asked for")))
}

/// A request that is in order.
struct Checked {
    task: Task,
    /// Why it is refused all the same, unless it was taken before.
    late: Option<ApiError>,
}

/// Takes each request for itself, in order; what is wrong with one harms no other. Inserted first, notified after:
/// a crash in between costs the poller's two minutes. One that comes too late is looked up, under its key: it may have
/// been taken when it was in time.
pub async fn accept(
    app: &App,
    requests: Vec<Result<(Caller, TaskRequest), ApiError>>,
) -> Vec<Result<Accepted, ApiError>> {
    let now = app.clock.now();
    let checked = requests.into_iter().map(|request| {
        let (caller, request) = request?;
        if request.task_type.as_str() == Task::FOR_RUNNERS {
            return Err(ApiError::invalid("task_type", "its run is what runners find; see POST /v1/runs"));
        }
        let new = request.accept(&caller, app, now)?;
        let late = in_time(&new, now).err();
        match late {
            Some(late) if new.idempotency_key.is_none() => Err(late),
            late => Ok(Checked { task: Task::accept(new, ids::fresh(), now), late }),
        }
    });
    let checked: Vec<Result<Checked, ApiError>> = checked.collect();
    let in_order = || checked.iter().flatten();
    let fit: Vec<Task> = in_order().filter(|c| c.late.is_none()).map(|c| c.task.clone()).collect();
    let mut inserted = app.store.insert(fit).await.into_iter();
    // One after the other: there are few, and the function may read no batches.
    let mut before = VecDeque::new();
    for Checked { task, .. } in in_order().filter(|c| c.late.is_some()) {
        before.push_back(store::task(&*app.store, &task.key).await);
    }
    let mut fresh = Vec::new();
    let answers = checked
        .into_iter()
        .map(|checked| {
            let Checked { task, late } = checked?;
            if let Some(late) = late {
                return match before.pop_front() {
                    Some(Ok(Some(there))) => existing(there, &task),
                    Some(Err(error)) => Err(error.into()),
                    Some(Ok(None)) | None => Err(late),
                };
            }
            match inserted.next() {
                Some(Ok(Inserted::New)) => {
                    fresh.push(task.clone());
                    Ok(Accepted { task, deduplicated: false })
                }
                Some(Ok(Inserted::Existing(there))) => existing(*there, &task),
                Some(Err(error)) => Err(error.into()),
                None => Err(ApiError::conflict("the store gave no answer for this task")),
            }
        })
        .collect();
    notify(app, &fresh).await;
    answers
}

fn existing(there: Task, asked: &Task) -> Result<Accepted, ApiError> {
    if there.is_same_request(asked) {
        return Ok(Accepted { task: there, deduplicated: true });
    }
    Err(ApiError::key_used(format!("task {} has this key already, with another payload", there.key.id)))
}
