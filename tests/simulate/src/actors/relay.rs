//! The relay: is given a batch of the change stream, and given it again until it is done. As Lambda has it, a shard has one
//! at a time; one that is never heard of again holds nobody up.

use std::rc::Rc;

use errand::App;
use errand_aws::relay::{Batch, BusEvents, relay};

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    stream::{HeldUp, SHARDS, place},
    world::World,
};

/// See the module.
pub struct Relay;

impl Actor for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn weight(&self) -> u32 {
        12
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let (shard, most, is_last) = (pick.below(SHARDS), 1 + pick.below(5), pick.percent(30));
        let records = world.seen.inside().stream.0[shard].len();
        let turn = Turn::take(&world, shard)?;
        (world.bus.is_some() && world.book.borrow().relayed[shard].is_behind(records)).then_some(Box::pin(async move {
            let _turn = turn;
            hand_over(&app, &world, shard, most, is_last).await
        }) as Work)
    }
}

/// Held by who is given a shard's batch.
struct Turn {
    world: Rc<World>,
    shard: usize,
}

impl Turn {
    fn take(world: &Rc<World>, shard: usize) -> Option<Self> {
        let is_free = world.book.borrow_mut().relaying.insert(shard);
        is_free.then(|| Self { world: world.clone(), shard })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.world.book.borrow_mut().relaying.remove(&self.shard);
    }
}

/// How far a shard was handed over.
#[derive(Clone, Default)]
pub struct Checkpoint {
    pub up_to: usize,
    /// What the window's batch before answered.
    window: Option<String>,
}

impl Checkpoint {
    /// Whether there is something to hand over: more of `records`, or the end of a window.
    pub fn is_behind(&self, records: usize) -> bool {
        records > self.up_to || self.window.is_some()
    }
}

/// Hands over the next `most` records of `shard`; what is not done comes again.
pub async fn hand_over(app: &App, world: &World, shard: usize, most: usize, is_last: bool) {
    let Checkpoint { up_to, window } = world.book.borrow().relayed[shard].clone();
    let records: Vec<_> = {
        let inside = world.seen.inside();
        let new = inside.stream.0[shard].iter().enumerate().skip(up_to).take(most);
        new.map(|(nth, seen)| (place(nth), seen.clone())).collect()
    };
    let counters = HeldUp { app: app.clone(), counted: world.counted.clone() };
    let batch = Batch { shard: format!("shard-{shard}"), records: records.clone(), state: window, is_last };
    let relayed = relay(app, &counters, BusEvents::All, batch).await;
    let Ok(relayed) = relayed else { return };
    let done = records.iter().take_while(|(at, _)| relayed.again.as_ref().is_none_or(|again| at < again)).count();
    let mut book = world.book.borrow_mut();
    let checkpoint = &mut book.relayed[shard];
    *checkpoint = Checkpoint { up_to: up_to + done, window: Some(relayed.state).filter(|_| !is_last) };
}
