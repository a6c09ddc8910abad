//! Which tasks a claim goes for, and taking them.

use std::{
    collections::HashSet,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use errand::{
    App, StoreError, Task, TaskKey,
    spi::{
        change::{ChangeError, With, change},
        gather::ended_with_group,
        ids,
        lifecycle::Trigger,
        store::{self, Wanted},
    },
};
use futures::future::join_all;
use uuid::Uuid;

use crate::OpenWork;

/// The most bytes of payloads in one answer: a Lambda function answers with 6 MB, and JSON within JSON grows.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Tasks that no other claim of this process goes for.
pub(super) struct Candidates<'a> {
    pub(super) keys: Vec<TaskKey>,
    open: Option<&'a OpenWork>,
}

impl<'a> Candidates<'a> {
    /// Those that are due, as `wanted` says, and not in `tried`, which they are put in.
    pub(super) async fn find(
        app: &'a App,
        wanted: &Wanted,
        max: usize,
        tried: &mut HashSet<TaskKey>,
    ) -> Result<Self, StoreError> {
        let open = OpenWork::of(app);
        let others = open.map_or(0, |open| open.in_hand().len());
        let ready = app.store.ready(wanted, app.clock.now(), max + others + tried.len()).await?;
        let mut in_hand = open.map(OpenWork::in_hand);
        let mut keys = Vec::new();
        for key in ready {
            if keys.len() == max {
                break;
            }
            let free = in_hand.as_mut().is_none_or(|in_hand| !in_hand.contains(&key)) && tried.insert(key.clone());
            if free {
                in_hand.as_mut().map(|in_hand| in_hand.insert(key.clone()));
                keys.push(key);
            }
        }
        drop(in_hand);
        Ok(Self { keys, open })
    }

    /// Claims them, all at once; those that another process was faster with are left out, and so is what would make the
    /// answer too long.
    pub(super) async fn claim(&self, app: &App, lease: Duration, seed: Uuid) -> Result<Vec<Task>, StoreError> {
        let mut bytes = 0;
        let mut tasks = Vec::new();
        for task in app.store.tasks(&self.keys).await {
            let Some(task) = store::shown(task)?.flatten() else { continue };
            bytes += task.payload.as_str().len();
            if bytes > ANSWER_BYTES && !tasks.is_empty() {
                break;
            }
            tasks.push(task);
        }
        let claims = tasks.iter().map(async |task| {
            let trigger = Trigger::Claim { worker: fence(seed, task.key.id), lease: Some(lease) };
            let claimed = match ended_with_group(app, task).await {
                Ok(true) => return Ok(None),
                Ok(false) => change(app, task, trigger, With::nothing()).await,
                Err(problem) => Err(problem),
            };
            match claimed {
                Ok(task) => Ok(Some(task)),
                Err(ChangeError::Rejected(_) | ChangeError::Gone) => Ok(None),
                Err(ChangeError::Store(error)) => Err(error),
                Err(ChangeError::Effect(_)) => Err(StoreError::Busy),
            }
        });
        let claimed: Vec<Result<Option<Task>, StoreError>> = join_all(claims).await;
        // Some may be claimed already: they are answered, and the others come again.
        let (taken, failed): (Vec<_>, Vec<_>) = claimed.into_iter().partition(Result::is_ok);
        let taken: Vec<Task> = taken.into_iter().flatten().flatten().collect();
        match failed.into_iter().next() {
            Some(Err(error)) if taken.is_empty() => Err(error),
            _ => Ok(taken),
        }
    }
}

impl Drop for Candidates<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.open {
            let mut in_hand = open.in_hand();
            self.keys.iter().for_each(|key| drop(in_hand.take(key)));
        }
    }
}

impl OpenWork {
    fn in_hand(&self) -> MutexGuard<'_, HashSet<TaskKey>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a claim draws for a task: nobody who does not know the secret can work it out.
pub(super) fn fence(seed: Uuid, task: Uuid) -> Uuid {
    ids::derived(&["claim", &seed.to_string(), &task.to_string()])
}
