//! The relay: counters that are exact whatever Lambda repeats, and events that are told whatever is out of order.

mod bus;
mod ends;
mod events;
mod exact;
mod fold;
mod refusals;

use std::sync::Arc;

use errand::{App, Name, Status, TaskKey, Timestamp};
use errand_aws::relay::{Change, Seen, Sequence, TaskStanding};
use integration_tests::relay::MemoryBus;
use uuid::Uuid;

/// The app with this bus, and with no webhook.
fn with_bus(app: &App, bus: &Arc<MemoryBus>) -> App {
    let mut app = app.clone();
    app.listeners.bus = Some(bus.clone());
    app
}

pub(crate) fn sequence(number: u128) -> Sequence {
    Sequence::try_from(number.to_string()).unwrap()
}

/// That the task `id` of `tenant` went from one status to another.
pub(crate) fn change(tenant: &str, id: u128, old: Option<Status>, new: Status, at: Timestamp) -> Change {
    let standing = |status| TaskStanding { status, failures: 0 };
    Change {
        key: TaskKey { tenant: Name::new(tenant).unwrap(), id: Uuid::from_u128(id) },
        project: Name::default(),
        queue: Name::default(),
        lane: Name::default(),
        task_type: Name::of("scripted"),
        version: Uuid::new_v4(),
        at,
        old: old.map(standing),
        new: standing(new),
    }
}

pub(crate) fn seen(change: Change) -> Seen {
    Seen::Task(Box::new(change))
}
