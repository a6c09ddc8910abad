//! A compiled-in type whose tasks workers outside pull, and which keeps account of what becomes of them: where it has a say.

use std::sync::Arc;

use async_trait::async_trait;
use errand::{
    App, Doc, Id, Report, StoreError, Task,
    spi::{
        change::ChangeError,
        processor::{self, Ending, WorkEnded},
    },
};
use errand_http::ApiError;

use crate::outcome::WorkExchange;

/// How often a task is begun anew, in one claim, where what its wait builds on has changed meanwhile.
const MAX_BEGUN: usize = 3;

/// What such a type does beside claims, heartbeats and ends, which are for its tasks what they are for all.
#[async_trait]
pub trait PulledType: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Begins what `worker` has just claimed `task` for, and answers what the worker is told besides. Said again of the same
    /// claim, it is answered again. An error: it cannot begin now, and the execution ends so.
    async fn claimed(&self, app: &App, task: &Task, worker: &Id) -> Result<Doc, Ending>;

    /// What the worker of `task`, whose lease was just renewed, is told besides.
    async fn renewed(&self, app: &App, task: &Task) -> Result<Doc, StoreError>;

    /// Keeps what the worker of `task` says of the model it has asked, once for an execution, just before that ends.
    async fn ends(&self, app: &App, task: &Task, said: WorkExchange) -> Result<(), ApiError>;
}

/// The type of this name, if it is such a one. An installation has one at most: the `Arc` that its registry was given
/// ([`errand::Registry::with`]).
pub(crate) fn pulled_type<'a>(app: &'a App, name: &str) -> Option<&'a dyn PulledType> {
    let of = app.types.state::<Arc<dyn PulledType>>()?;
    (of.name() == name).then_some(&**of)
}

/// Begins `task`, which `worker` has just claimed; what the worker is told besides. `None`: it cannot begin now, and the
/// worker has it no more.
pub(crate) async fn begin(app: &App, task: &Task, worker: &Id) -> Option<Doc> {
    let Some(of) = pulled_type(app, task.task_type.as_str()) else { return Some(Doc::new()) };
    let fence = task.fence()?;
    let settings = app.types.settings(&task.task_type).unwrap_or_default();
    let end = async |ending| {
        let ended = WorkEnded { ending, effects: Vec::new(), report: Report::default() };
        processor::end(app, task, fence, &settings, ended).await
    };
    for _ in 0..MAX_BEGUN {
        let ending = match of.claimed(app, task, worker).await {
            Ok(told) => return Some(told),
            Err(ending) => ending,
        };
        match end(ending).await {
            // What it would wait for may be over: it is begun after all.
            Err(ChangeError::Effect(_)) => {}
            Ok(_) | Err(ChangeError::Rejected(_) | ChangeError::Gone) => return None,
            Err(ChangeError::Store(_)) => break,
        }
    }
    // Another may have it at once. If that is not taken either, its lease ends by itself.
    let _ = end(Ending::Released).await;
    None
}
