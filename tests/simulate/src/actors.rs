//! Who acts: one file for each. To add one: its file, and a line in [`all`].

mod callback;
mod client;
mod follower;
mod groups;
mod operator;
mod poller;
mod processor;
mod reader;
mod relay;
mod runs;
mod schedules;
mod worker;

use std::rc::Rc;

use errand::App;
use futures::future::LocalBoxFuture;

use crate::{pick::Pick, world::World};

pub use follower::read_on;
pub use processor::process;
pub use relay::{Checkpoint, hand_over};
pub use schedules::Made;
pub use worker::{claim, finish};

/// What somebody does once they have begun. It is held up at each call of the store and the queues.
pub type Work = LocalBoxFuture<'static, ()>;

/// Somebody who acts, again and again, by what they are given to pick.
pub trait Actor {
    /// What they are called in plans.
    fn name(&self) -> &'static str;

    /// How often they begin, among the others.
    fn weight(&self) -> u32;

    /// What they begin on the machine `app`, if they have something to do.
    fn begin(&self, app: App, world: Rc<World>, pick: Pick) -> Option<Work>;
}

/// Everybody.
pub fn all() -> Vec<Box<dyn Actor>> {
    vec![
        Box::new(client::Enqueuer),
        Box::new(processor::Processor),
        Box::new(poller::Poller),
        Box::new(operator::Operator),
        Box::new(worker::WorkerOutside),
        Box::new(callback::Callbacker),
        Box::new(runs::Runs),
        Box::new(reader::Reader),
        Box::new(follower::Follower),
        Box::new(relay::Relay),
        Box::new(groups::Groups),
        Box::new(schedules::Schedules),
    ]
}
