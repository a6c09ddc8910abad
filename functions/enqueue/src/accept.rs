//! The way of every request, however it came: check it, insert it, notify it.

use shared::{
    api::{ApiError, Caller, TaskRequest, TaskView},
    app::App,
    ids,
    lifecycle::Task,
    notify::notify,
    store::Inserted,
};

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

/// Takes each request for itself, in order; what is wrong with one harms no other. Inserted first, notified after:
/// a crash in between costs the poller's two minutes.
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
        let task = request.accept(&caller, &app.settings, now)?;
        Ok(Task::accept(task, ids::fresh(), now))
    });
    let checked: Vec<Result<Task, ApiError>> = checked.collect();
    let fit: Vec<Task> = checked.iter().filter_map(|task| task.as_ref().ok()).cloned().collect();
    let mut inserted = app.store.insert(fit).await.into_iter();
    let mut fresh = Vec::new();
    let answers = checked
        .into_iter()
        .map(|task| {
            let task = task?;
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
    let error = ApiError::conflict(format!("task {} has this key already, with another payload", there.key.id));
    Err(ApiError { field: Some("idempotency_key".to_owned()), ..error })
}
