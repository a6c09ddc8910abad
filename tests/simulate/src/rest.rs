//! Faults have stopped: whatever is left is done, and then everything must be accounted for.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use errand::{
    App, Timestamp,
    spi::{
        clock::Clock,
        poller,
        queue::TaskMessage,
        store::{MemoryStore, Store},
    },
};

use crate::{
    actors, invariants,
    seen::{AtRest, Relayed},
    stream::{SHARDS, lock},
    target::done,
    world::{PROCESSED, TENANTS, VISIBILITY, World},
};

/// By how much the clock is moved at once for who waits: so little that no lease runs out under a worker that is there.
pub const LONGEST: Duration = Duration::from_secs(10);

/// After so many rounds there is something that never comes to its end.
const MOST_ROUNDS: usize = 1000;

/// How often the clock is moved for one who waits.
const MOST_WAITS: usize = 1000;

/// Does whatever is left, and asks what must hold then.
pub fn come_to_rest(world: &World) {
    world.calm_down();
    let app = world.machine();
    let rested = drive(world, async {
        let quiet = until_quiet(world, &app).await;
        // Past every time that the clock was set back from: what was sent then is visible now.
        world.clock.advance(Duration::from_secs(3600));
        let quiet = quiet && until_quiet(world, &app).await;
        relay(world, &app).await;
        for tenant in TENANTS {
            while actors::read_on(&app, world, tenant).await {}
        }
        quiet
    });
    match rested {
        Some(true) => account(world),
        Some(false) => world.seen.hold(Err(format!("never quiet after {MOST_ROUNDS} rounds"))),
        None => world.seen.hold(Err("somebody waits for ever".to_owned())),
    }
}

/// Drives `work` to its end; whenever it waits, it waits for the clock. `None` if it never ends.
fn drive<T>(world: &World, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut wait = Duration::from_secs(1);
    for _ in 0..MOST_WAITS * 100 {
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => return Some(done),
            Poll::Pending if world.seen.is_broken() => return None,
            Poll::Pending => world.clock.advance(wait),
        }
        wait = (wait * 2).min(LONGEST);
    }
    None
}

async fn until_quiet(world: &World, app: &App) -> bool {
    let mut last = None;
    for tenant in TENANTS.into_iter().cycle().take(MOST_ROUNDS) {
        deliver(world, app).await;
        work_outside(world, app).await;
        relay(world, app).await;
        poller::poll(app, 0, None).await;
        // Between two listings, so that what is listed too low is missed.
        actors::read_on(app, world, tenant).await;
        let (now, next) = (world.clock.now(), next(world).await);
        match next {
            None => return true,
            Some(at) if at > now => world.clock.set(at),
            // Nothing can be done yet about one that was looked at before the lease of its worker has ended: as long as its
            // type may take, and by as much later as the clock was set back.
            Some(_) if last == Some((now, next)) => world.clock.advance(LONGEST),
            Some(_) => {}
        }
        last = Some((now, next));
    }
    false
}

/// Processes until no queue shows anything.
async fn deliver(world: &World, app: &App) {
    let mut any = true;
    while any {
        any = false;
        for from in PROCESSED {
            let received = world.queue.receive(from, 10, VISIBILITY);
            if !received.is_empty() {
                any = true;
                actors::process(app, world, from, received, None).await;
            }
        }
    }
}

/// Workers outside do what there is for them.
async fn work_outside(world: &World, app: &App) {
    for tenant in TENANTS {
        if !is_waited_for(world, tenant) {
            continue;
        }
        let before = world.book.borrow().claims.len();
        actors::claim(app, world, tenant, format!("{tenant}-last"), None).await;
        let claims = world.book.borrow().claims[before..].to_vec();
        for claimed in claims {
            actors::finish(app, world, &claimed, Some(done(&claimed.task["payload"]))).await;
        }
    }
}

/// Hands over what is left of the change stream, to the end of its window.
async fn relay(world: &World, app: &App) {
    for shard in 0..SHARDS {
        let records = world.seen.inside().stream.0[shard].len();
        let is_behind = world.book.borrow().relayed[shard].is_behind(records);
        if world.bus.is_some() && is_behind {
            actors::hand_over(app, world, shard, usize::MAX, true).await;
        }
    }
}

/// Whether `tenant` has a task that a worker outside may take now.
fn is_waited_for(world: &World, tenant: &str) -> bool {
    let (inside, now) = (world.seen.inside(), world.clock.now());
    let mut tasks = inside.lives.values().map(|life| &life.newest).filter(|task| task.key.tenant.as_str() == tenant);
    tasks.any(|task| task.is_pulled() && task.run_at().is_some_and(|at| at <= now))
}

/// When the next message or due item comes.
async fn next(world: &World) -> Option<Timestamp> {
    let message = world.queue.next_visible(&PROCESSED);
    let due = MemoryStore::due(&world.store, 0, Timestamp::from_millis(i64::MAX), 1).await.unwrap_or_default();
    message.into_iter().chain(due.first().map(|due| due.wake_at)).min()
}

/// Asks what must hold of everything that is there.
fn account(world: &World) {
    world.collect_letters();
    let letters: Vec<TaskMessage> =
        world.book.borrow().letters.iter().filter_map(|letter| serde_json::from_str(letter).ok()).collect();
    let letters: BTreeSet<_> = letters.into_iter().map(|l| (l.key, l.executions.unwrap_or_default())).collect();
    let held = {
        let inside = world.seen.inside();
        let read = async {
            let mut tasks = Vec::new();
            let keys: BTreeSet<_> = inside.lives.keys().map(|(key, _)| key.clone()).collect();
            for task in world.store.tasks(&Vec::from_iter(keys)).await.into_iter().flatten().flatten() {
                let log = world.store.log(&task, 0, 10_000).await.map(|page| page.items).unwrap_or_default();
                tasks.push((task, log));
            }
            let keys: Vec<_> = inside.records.iter().cloned().collect();
            let records = world.store.records_at(&keys).await.unwrap_or_default().into_iter().flatten().collect();
            (tasks, records)
        };
        let (tasks, records) = futures::FutureExt::now_or_never(read).unwrap_or_default();
        let relayed = world.bus.as_ref().map(|bus| {
            let (heard, counts) = (lock(&bus.heard).clone(), lock(&world.counted).counts.clone());
            Relayed { heard, counts }
        });
        invariants::at_rest(&AtRest { seen: &inside, tasks, records, letters, relayed })
    };
    world.seen.hold(held);
}
