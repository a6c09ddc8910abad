//! Looks after what is due.

use std::rc::Rc;

use errand::{App, spi::poller};

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    world::World,
};

/// See the module.
pub struct Poller;

impl Actor for Poller {
    fn name(&self) -> &'static str {
        "poller"
    }

    fn weight(&self) -> u32 {
        16
    }

    fn begin(&self, app: App, _: Rc<World>, _: Pick) -> Option<Work> {
        Some(Box::pin(async move {
            poller::poll(&app, 0, None).await;
        }))
    }
}
