//! One who is under way: a process on one of the machines, which may go wrong at every call, and be dropped at any.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use errand::{
    App, Services, Timestamp,
    spi::clock::{Clock, ManualClock},
    testing::Faults,
};
use futures::future::LocalBoxFuture;

use crate::world::World;

/// See the module.
pub struct Process {
    pub number: usize,
    pub name: &'static str,
    pub faults: Arc<Faults>,
    pub began_at: Timestamp,
    work: LocalBoxFuture<'static, ()>,
}

/// A clock that differs.
struct Skewed {
    clock: Arc<ManualClock>,
    by_ms: i64,
}

#[async_trait]
impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now().as_millis() + self.by_ms)
    }

    async fn sleep_until(&self, until: Timestamp) {
        self.clock.sleep_until(Timestamp::from_millis(until.as_millis() - self.by_ms)).await;
    }

    async fn sleep(&self, wait: Duration) {
        self.clock.sleep(wait).await;
    }
}

/// `app` whose calls `faults` hold up and have go wrong, by a clock that differs.
pub fn on(app: &App, world: &World, faults: &Arc<Faults>, skew_ms: i64) -> App {
    let app = faults.around(app);
    let clock = Arc::new(Skewed { clock: world.clock.clone(), by_ms: skew_ms });
    app.over(Services { clock, ..app.services.clone() })
}

impl Process {
    pub fn new(
        number: usize,
        name: &'static str,
        faults: Arc<Faults>,
        began_at: Timestamp,
        work: LocalBoxFuture<'static, ()>,
    ) -> Self {
        Self { number, name, faults, began_at, work }
    }

    /// Goes on by one call. Whether it has come to its end.
    pub fn go(&mut self, world: &World) -> bool {
        world.seen.inside().acting = Some(self.number);
        self.faults.go();
        let done = self.work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        world.seen.inside().acting = None;
        done == Poll::Ready(()) || self.faults.crashed()
    }
}
