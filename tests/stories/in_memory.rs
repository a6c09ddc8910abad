//! Every story in memory, once for each call that its processes make of store and queue: each time one process ends
//! there, before or after the call, the next one goes on, and the story must end as it does without.

use std::{pin::pin, sync::Arc, task::Poll};

use integration_tests::{
    accounts::the_log_is_complete,
    events::{Answered, Call},
    faults::{Fault, Faults},
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::Value;
use shared::{
    app::App,
    clock::{ManualClock, Timestamp},
    config::Settings,
    lifecycle::Status,
    queue::QueueName,
    store::Store,
};

use super::{
    digest, ends_as, introduction, model, question, search, silence,
    stage::{self, Stage, Turns},
};

/// A story with more calls than this has no end.
const MOST_CALLS: usize = 3000;

/// See the module.
struct Memory {
    world: World,
    faults: Arc<Faults>,
    crashes: usize,
}

impl Memory {
    fn new(settings: &Arc<Settings>, faults: Arc<Faults>) -> Self {
        let mut world = World::new();
        world.app.settings = settings.clone();
        Self { world, faults, crashes: 0 }
    }

    /// The process that is there now: the first has the fault, those after it have none.
    fn app(&self) -> App {
        if self.crashes == 0 { self.faults.around(&self.world.app) } else { self.world.app.clone() }
    }

    /// Drives `work` to its end, unless its process ends before.
    async fn run<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            if let Poll::Ready(done) = futures::poll!(work.as_mut()) {
                return Some(done);
            }
            if self.crashes == 0 && self.faults.crashed() {
                self.crashes += 1;
                return None;
            }
            tokio::task::yield_now().await; // to whoever answers for the model
        }
    }
}

impl Stage for Memory {
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

impl Turns for Memory {
    async fn turn(&mut self) -> bool {
        let (mut any, queue) = (false, self.world.queue.clone());
        for from in QueueName::WORK {
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
async fn with_every_crash(name: &str, story: impl AsyncFn(&mut Memory) -> Value) {
    let settings = Arc::new(model::settings().await);
    let without = story(&mut Memory::new(&settings, Arc::default())).await;
    ends_as(name, &without);
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for nth in 0.. {
            assert!(nth < MOST_CALLS, "it never came to its end");
            let mut memory = Memory::new(&settings, Faults::at(nth, fault));
            #[allow(clippy::print_stdout)] // shown if what follows fails
            {
                println!("{fault:?} at call {nth}");
            }
            let end = story(&mut memory).await;
            assert_eq!(end, without);
            for task in memory.world.tasks().await {
                assert_eq!(task.status(), Status::Completed, "{task:#?}");
                the_log_is_complete(&memory.world, &task).await;
            }
            if memory.crashes == 0 {
                assert!(nth > 10, "hardly anything was called");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_question_is_answered_and_rewarded_once_wherever_a_process_ends() {
    with_every_crash("question", question::story).await;
}

#[tokio::test]
async fn a_silent_user_is_asked_twice_and_paused_wherever_a_process_ends() {
    with_every_crash("silence", silence::story).await;
}

#[tokio::test]
async fn an_introduction_is_asked_about_twice_and_closed_wherever_a_process_ends() {
    with_every_crash("introduction", introduction::story).await;
}

#[tokio::test]
async fn a_digest_waits_for_the_end_of_quiet_hours_wherever_a_process_ends() {
    with_every_crash("digest", digest::story).await;
}

#[tokio::test]
async fn a_search_is_extended_once_and_fails_wherever_a_process_ends() {
    with_every_crash("search", search::story).await;
}
