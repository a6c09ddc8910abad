//! A worker: is given messages of one queue, and processes them together.

use std::{rc::Rc, time::Duration};

use errand::{
    App,
    spi::{
        processor::{self, Delivery, Verdict},
        queue::{QueueName, Received},
    },
};

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    world::{PROCESSED, VISIBILITY, World},
};

/// See the module.
pub struct Processor;

impl Actor for Processor {
    fn name(&self) -> &'static str {
        "processor"
    }

    fn weight(&self) -> u32 {
        30
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let most = pick.of_these(&[1, 1, 3]);
        let deadline = pick.percent(10).then(|| app.clock.now() + Duration::from_secs(pick.of_these(&[5, 40, 900])));
        let (from, received) = PROCESSED.into_iter().find_map(|from| {
            let received = world.queue.receive(from, most, VISIBILITY);
            (!received.is_empty()).then_some((from, received))
        })?;
        Some(Box::pin(async move {
            let verdicts = processor::process(&app, deliveries(from, &received), deadline).await;
            delete(&world, from, &received, &verdicts);
        }))
    }
}

fn deliveries(from: QueueName, received: &[Received]) -> Vec<Delivery> {
    let delivery = |message: &Received| {
        let receipt = message.receipt.clone();
        Some(Delivery { message: serde_json::from_str(&message.body).ok()?, queue: from, receipt, trace: None })
    };
    received.iter().filter_map(delivery).collect()
}

fn delete(world: &World, from: QueueName, received: &[Received], verdicts: &[Verdict]) {
    for (message, verdict) in received.iter().zip(verdicts) {
        if *verdict == Verdict::Done {
            world.queue.delete(from, &message.receipt);
        }
    }
}

/// Processes `received`, as a worker without faults.
pub async fn process(app: &App, world: &World, from: QueueName, received: Vec<Received>) {
    let verdicts = processor::process(app, deliveries(from, &received), None).await;
    delete(world, from, &received, &verdicts);
}
