//! Batches of long tasks.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use errand::{
    Client, Failure, Handler, Outcome, Registry, Services, Settings, Status, TaskContext,
    spi::{clock::SystemClock, store::MemoryStore},
};
use futures::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::*;

/// How long one waits for the other; nobody waits so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Works until another one is at work, too, and leaves its thread to nobody meanwhile.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Meet {}

/// Where two of them meet.
struct Place {
    came: Mutex<usize>,
    both: Condvar,
    left: watch::Sender<usize>,
}

impl Place {
    fn came(&self) -> MutexGuard<'_, usize> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the other came.
    fn meet(&self) -> bool {
        *self.came() += 1;
        self.both.notify_all();
        let waited = self.both.wait_timeout_while(self.came(), PATIENCE, |came| *came < 2);
        waited.is_ok_and(|(_, waited)| !waited.timed_out())
    }
}

impl Handler for Meet {
    const TYPE: &'static str = "meet";
    type State = Arc<Place>;

    fn settings() -> Settings {
        Settings { is_slow: true, timeout_s: 600, ..Settings::default() }
    }

    async fn handle(&self, _: &TaskContext<'_>, place: &Arc<Place>) -> Result<Outcome, Failure> {
        let met = place.meet();
        place.left.send_modify(|left| *left += 1);
        if met { Ok(Outcome::done(0.into())) } else { Err(Failure::permanent("nobody came")) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_task_has_a_batch_and_so_a_thread_of_its_own() {
    let (left, mut leaving) = watch::channel(0);
    let place = Arc::new(Place { came: Mutex::default(), both: Condvar::new(), left });
    let clock = Arc::new(SystemClock);
    let queue = Arc::new(MemoryQueue::new(clock.clone()));
    let services = Services::new(Arc::new(MemoryStore::default()), queue.clone(), clock);
    let app = App::new(services, Registry::new().add::<Meet>(place).checked().unwrap());
    let client = Client::new(app.clone());
    let tasks =
        join_all([Meet {}, Meet {}].iter().map(|meet| async { client.enqueue(meet).await.unwrap().task })).await;
    let mapping = Mapping { app, queue, from: QueueName::Long, concurrency: 10 };
    let both_left = async move { drop(leaving.wait_for(|left| *left == 2).await) };
    mapping.run(both_left).await.join_all().await;
    for task in tasks {
        assert_eq!(client.task(task.key.id).await.unwrap().unwrap().status(), Status::Completed);
    }
}
