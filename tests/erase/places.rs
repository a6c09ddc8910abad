//! Where somebody is erased: in memory, on the one-machine server over HTTP, and by the functions on MiniStack.

use errand::spi::{clock::ManualClock, queue::QueueName, store::Store};
use integration_tests::{
    aws::{Lambda, Stack},
    events::{Answered, Call},
    world::World,
};

use crate::stories::OneMachine;

/// See the module. Nothing in it moves the clock.
pub(super) trait Place {
    /// After so many looks at what goes on the clock does a second.
    const LOOKS: usize;

    fn clock(&self) -> &ManualClock;

    fn store(&self) -> &dyn Store;

    /// Asks over HTTP.
    async fn ask(&self, call: &Call) -> Answered;

    /// Has happen what is due, unless it does so by itself.
    async fn go_on(&self);
}

impl Place for World {
    const LOOKS: usize = 1;

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn store(&self) -> &dyn Store {
        &*self.app.store
    }

    async fn ask(&self, call: &Call) -> Answered {
        call.answer(&self.app).await
    }

    async fn go_on(&self) {
        self.deliver_all().await;
        self.poll().await;
    }
}

/// What it does takes a few looks, and no leases' time.
impl Place for OneMachine {
    const LOOKS: usize = 50;

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn store(&self) -> &dyn Store {
        &*self.server.app.store
    }

    async fn ask(&self, call: &Call) -> Answered {
        self.asked(call).await
    }

    async fn go_on(&self) {}
}

impl Place for Stack {
    const LOOKS: usize = 1;

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn store(&self) -> &dyn Store {
        &*self.app(Lambda::Poller).store
    }

    async fn ask(&self, call: &Call) -> Answered {
        self.call(call).await
    }

    async fn go_on(&self) {
        let mut any = false;
        for from in QueueName::WORK {
            any |= !self.deliver(from).await.messages.is_empty();
        }
        // It asks for each of the tables' parts.
        if !any {
            self.poll().await;
        }
    }
}
