//! Every story once for each call that its processes make of store and queue: each time one process ends there, before
//! or after the call, the next one goes on, and the story must end as it does without. In memory, where functions share
//! queues as on AWS; and over SQLite, where the queues end with the process.

use std::sync::Arc;

use errand::{
    App, Status, Timestamp,
    spi::{
        clock::ManualClock,
        queue::{MemoryQueue, QueueName},
        store::Store,
    },
};
use errand_local::sqlite::{self, SqliteStore};
use integration_tests::{
    accounts::the_log_is_complete,
    events::{Answered, Call},
    faults::{Fault, Faults},
    in_memory::process,
    settings::Settings,
    world::{VISIBILITY, World},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    digest, ends_as, introduction, model, question, search, silence,
    stage::{self, Stage, Turns},
};
use Outlives::{File, StoreAndQueues};

/// A story with more calls than this has no end.
const MOST_CALLS: usize = 3000;

/// See the module.
struct Processes {
    world: World,
    faults: Arc<Faults>,
    crashes: usize,
    file: Option<(TempDir, Arc<SqliteStore>)>,
}

/// What outlives a process.
#[derive(Clone, Copy)]
enum Outlives {
    /// Store and queues, as on AWS.
    StoreAndQueues,
    /// The file, as on one machine.
    File,
}

impl Processes {
    fn new(outlives: Outlives, settings: &Settings, faults: Arc<Faults>) -> Self {
        let file = match outlives {
            Outlives::StoreAndQueues => None,
            Outlives::File => {
                let dir = tempfile::tempdir().unwrap();
                let settings = sqlite::SqliteSettings {
                    synchronous: sqlite::Synchronous::Normal,
                    ..sqlite::SqliteSettings::default()
                };
                let store = SqliteStore::open(&dir.path().join("errand.db"), settings).unwrap();
                Some((dir, Arc::new(store)))
            }
        };
        let mut world = match &file {
            None => World::new(),
            Some((_, store)) => World::on(store.clone()),
        };
        world.set(settings);
        Self { world, faults, crashes: 0, file }
    }

    /// What the next process does first.
    async fn start_again(&mut self) {
        self.crashes += 1;
        if let Some((_, store)) = &self.file {
            self.world.queue = Arc::new(MemoryQueue::new(self.world.clock.clone()));
            self.world.app.queue = self.world.queue.clone();
            store.recover(self.world.now()).await.unwrap();
        }
    }

    /// The process that is there now: the first has the fault, those after it have none.
    fn app(&self) -> App {
        if self.crashes == 0 { self.faults.around(&self.world.app) } else { self.world.app.clone() }
    }

    /// Drives `work` to its end, unless its process ends before.
    async fn run<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let faults = self.faults.clone();
        tokio::select! {
            biased;
            done = work => return Some(done),
            () = faults.ended() => {}
        }
        self.start_again().await;
        None
    }
}

impl Stage for Processes {
    fn clock(&self) -> &ManualClock {
        &self.world.clock
    }

    async fn ask(&mut self, call: &Call) -> Answered {
        if call.is_read() {
            return call.answer(&self.world.app).await; // a look from outside
        }
        loop {
            let app = self.app();
            if let Some(answered) = self.run(call.answer(&app)).await {
                return answered;
            }
        }
    }

    async fn settle(&mut self) {
        stage::settle(self).await;
    }

    fn store(&self) -> &dyn Store {
        &*self.world.app.store
    }
}

impl Turns for Processes {
    async fn turn(&mut self) -> bool {
        let mut any = false;
        for from in QueueName::WORK {
            let queue = self.world.queue.clone();
            let received = queue.receive(from, 10, VISIBILITY);
            if !received.is_empty() {
                any = true;
                let app = self.app();
                self.run(process(&app, &queue, from, received)).await;
            }
        }
        let app = self.app();
        self.run(poller::handle(&app, None)).await;
        any
    }

    fn next_message(&self) -> Option<Timestamp> {
        self.world.queue.next_visible(&QueueName::WORK)
    }

    fn crashes(&self) -> usize {
        self.crashes
    }
}

/// Plays `story` without a crash, and then with each.
async fn with_every_crash(name: &str, outlives: Outlives, story: impl AsyncFn(&mut Processes) -> Value) {
    let settings = model::settings().await;
    let without = story(&mut Processes::new(outlives, &settings, Arc::default())).await;
    ends_as(name, &without);
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for nth in 0.. {
            assert!(nth < MOST_CALLS, "it never came to its end");
            let mut stage = Processes::new(outlives, &settings, Faults::at(nth, fault));
            #[allow(clippy::print_stdout)] // shown if what follows fails
            {
                println!("{fault:?} at call {nth}");
            }
            let end = story(&mut stage).await;
            assert_eq!(end, without);
            for task in stage.world.tasks().await {
                assert_eq!(task.status(), Status::Completed, "{task:#?}");
                the_log_is_complete(&stage.world, &task).await;
            }
            if stage.crashes == 0 {
                assert!(nth > 10, "hardly anything was called");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_question_is_answered_and_rewarded_once_wherever_a_process_ends() {
    with_every_crash("question", StoreAndQueues, question::story).await;
}

#[tokio::test]
async fn a_silent_user_is_asked_twice_and_paused_wherever_a_process_ends() {
    with_every_crash("silence", StoreAndQueues, silence::story).await;
}

#[tokio::test]
async fn an_introduction_is_asked_about_twice_and_closed_wherever_a_process_ends() {
    with_every_crash("introduction", StoreAndQueues, introduction::story).await;
}

#[tokio::test]
async fn a_digest_waits_for_the_end_of_quiet_hours_wherever_a_process_ends() {
    with_every_crash("digest", StoreAndQueues, digest::story).await;
}

#[tokio::test]
async fn a_search_is_extended_once_and_fails_wherever_a_process_ends() {
    with_every_crash("search", StoreAndQueues, search::story).await;
}

#[tokio::test]
async fn a_question_is_answered_and_rewarded_once_wherever_the_server_ends() {
    with_every_crash("question", File, question::story).await;
}

#[tokio::test]
async fn a_silent_user_is_asked_twice_and_paused_wherever_the_server_ends() {
    with_every_crash("silence", File, silence::story).await;
}

#[tokio::test]
async fn an_introduction_is_asked_about_twice_and_closed_wherever_the_server_ends() {
    with_every_crash("introduction", File, introduction::story).await;
}

#[tokio::test]
async fn a_digest_waits_for_the_end_of_quiet_hours_wherever_the_server_ends() {
    with_every_crash("digest", File, digest::story).await;
}

#[tokio::test]
async fn a_search_is_extended_once_and_fails_wherever_the_server_ends() {
    with_every_crash("search", File, search::story).await;
}
