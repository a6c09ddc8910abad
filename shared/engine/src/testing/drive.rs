//! A process that works in a sandbox until it has nothing to do, or crashes.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crate::{
    app::App,
    clock::Timestamp,
    poller,
    processor::{self, Delivery, Verdict},
    queue::{QueueName, Received, TaskMessage},
    testing::{faults::Faults, sandbox::Sandbox},
};

/// How long a received message is hidden: as on AWS, far longer than anything here runs.
pub(super) const VISIBILITY: Duration = Duration::from_secs(5400);

/// How many messages are processed together. Of long tasks it is one.
const BATCH: usize = 10;

/// How often others may run before what waits is taken to wait for the clock.
const IDLE: usize = 16;

/// After so many rounds of deliveries and polls something goes round in circles.
const MOST_ROUNDS: usize = 2_000;

/// A process over a sandbox.
pub(super) struct Process<'a> {
    sandbox: &'a Sandbox,
    app: App,
    faults: Arc<Faults>,
}

/// How a process came to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nothing is left to come.
    Quiet,
    /// A fault ended the process where it stood.
    Crashed,
    /// There is always more to come.
    Endless,
}

impl<'a> Process<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, faults: Arc<Faults>) -> Self {
        Self { app: faults.around(sandbox.app()), sandbox, faults }
    }

    /// Delivers, polls and moves the clock to whatever comes next until nothing is left to come.
    pub(super) async fn drain(&self) -> Stop {
        let mut last = None;
        for _ in 0..MOST_ROUNDS {
            let round = async {
                while self.deliver_all().await? {}
                self.run(poller::poll(&self.app, 0, None)).await
            };
            if round.await.is_none() {
                return Stop::Crashed;
            }
            let (now, next) = (self.sandbox.now(), self.next().await);
            match next {
                None => return Stop::Quiet,
                Some(at) if at > now => self.sandbox.clock().set(at),
                // Nothing can be done yet about one that was looked at before the lease of its worker has ended.
                Some(_) if last == Some((now, next)) => self.sandbox.advance(Duration::from_secs(1)),
                Some(_) => {}
            }
            last = Some((now, next));
        }
        Stop::Endless
    }

    /// Delivers a batch of each queue. Whether there was anything; `None` after a crash.
    async fn deliver_all(&self) -> Option<bool> {
        let mut any = false;
        for queue in QueueName::WORK {
            let batch = if queue == QueueName::Long { 1 } else { BATCH };
            let received = self.sandbox.queues().receive(queue, batch, VISIBILITY);
            if !received.is_empty() {
                any = true;
                self.deliver(queue, received).await?;
            }
        }
        Some(any)
    }

    /// Processes `received`, and deletes what is not to come again. `None` after a crash.
    pub(super) async fn deliver(&self, queue: QueueName, received: Vec<Received>) -> Option<()> {
        let deliveries = received.iter().filter_map(|message| delivery(queue, message)).collect();
        let verdicts = self.run(processor::process(&self.app, deliveries, None)).await?;
        for (message, verdict) in received.iter().zip(verdicts) {
            if verdict == Verdict::Done {
                self.sandbox.queues().delete(queue, &message.receipt);
            }
        }
        Some(())
    }

    /// Drives `work` to its end. Once it waits, and nothing else that runs wakes it, it waits for the clock: that is moved
    /// on by a second. `None` after a crash.
    async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        // Tokio would have it wait, for the sake of others, where it could go on.
        let mut work = pin!(tokio::task::unconstrained(work));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut idle = 0;
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Some(done);
            }
            if self.faults.crashed() {
                return None;
            }
            idle = if woken.0.swap(false, SeqCst) { 0 } else { idle + 1 };
            if idle > IDLE {
                idle = 0;
                self.sandbox.advance(Duration::from_secs(1));
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// When the next message or due item comes.
    async fn next(&self) -> Option<Timestamp> {
        let (app, mut next) = (self.sandbox.app(), self.sandbox.queues().next_visible(&QueueName::WORK));
        for shard in 0..app.store.shards() {
            let due = app.store.due(shard, Timestamp::from_millis(i64::MAX), 1).await.unwrap_or_default();
            next = next.into_iter().chain(due.first().map(|due| due.wake_at)).min();
        }
        next
    }
}

/// Whether what is driven was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A message in hand. Every message on these queues is one of the engine's own, which names a task.
fn delivery(queue: QueueName, received: &Received) -> Option<Delivery> {
    let message: TaskMessage = serde_json::from_str(&received.body).ok()?;
    Some(Delivery { message, queue, receipt: received.receipt.clone(), trace: None })
}
