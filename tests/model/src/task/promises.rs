//! What is promised of a task, by name. Each is broken by at least one of [`Wrong`](crate::wrong::Wrong).

use stateright::Property;

use crate::{
    rest::{Cause, rest},
    task::{Act, Action, Status, System, TaskModel},
};

/// A stale worker settles nothing.
pub const OWN: &str = "a worker settles its own execution and no other";
/// However often it is written.
pub const EFFECT: &str = "an effect happens once";
/// The end of an execution is a row of the log, or rides in the task until it is.
pub const ROW: &str = "every execution that has ended has its row, and has ended once";
/// `max_retries`.
pub const RETRIES: &str = "no drive fails more often than its retries allow";
/// Sent before it is noted.
pub const LETTER: &str = "a dead letter is owed until it was sent";
/// The engine's third invariant, with `waiting`.
pub const WAKE: &str = "what lives has a wake-up";
/// A word about an earlier wait starts nothing.
pub const STARTED: &str = "a task that waits is started by what it waits for";
/// Looks are for what went wrong.
pub const PROMPT: &str = "without a fault nothing waits for a look";
/// Whatever went wrong before.
pub const REST: &str = "left alone, everything comes to its end";

/// What must come to pass somewhere, or the promises were kept by nothing happening.
fn seen() -> Vec<Property<TaskModel>> {
    vec![
        Property::sometimes("a task waits, is started and completes", |_, system: &System| {
            system.task.status == Status::Completed && system.task.executions > 1 && !system.history.faulty
        }),
        Property::sometimes("a task fails, and is redriven", |_, system: &System| {
            system.task.redrives > 0 && system.history.ended != 0
        }),
        Property::sometimes("a worker works on that is taken for lost", |_, system: &System| {
            let stale = |execution: u8| execution > 0 && execution < system.task.executions;
            system.actors.iter().any(|actor| matches!(actor.act, Act::Settle(_)) && stale(actor.execution))
        }),
        Property::sometimes("a lease is over while its worker settles", |_, system: &System| {
            let over = system.task.status == Status::Running { lease_over: true };
            over && system.actors.iter().any(|actor| matches!(actor.act, Act::Settle(_)))
        }),
    ]
}

pub(super) fn all() -> Vec<Property<TaskModel>> {
    let promised = [
        Property::always(OWN, |_, system: &System| !system.history.stolen),
        Property::always(EFFECT, |_, system: &System| system.history.effects <= 1),
        Property::always(ROW, |_, system: &System| has_its_rows(system)),
        Property::always(RETRIES, |model: &TaskModel, system: &System| system.task.failures <= model.retries + 1),
        Property::always(LETTER, |_, system: &System| {
            system.task.status != Status::Failed || system.task.wakes || system.history.letter
        }),
        Property::always(WAKE, |_, system: &System| !system.task.is_live() || system.task.wakes),
        Property::always(STARTED, |_, system: &System| !system.history.early),
        Property::always(PROMPT, |model, system: &System| system.history.faulty || ends(model, system, &[])),
        Property::always(REST, |model, system: &System| ends(model, system, &[Cause::Look])),
    ];
    promised.into_iter().chain(seen()).collect()
}

/// Those that have ended are those that were begun, but for the one that runs.
fn has_its_rows(system: &System) -> bool {
    let running = matches!(system.task.status, Status::Running { .. });
    let over = system.task.executions - u8::from(running);
    let rows = system.history.log | system.task.row.map_or(0, |execution| 1 << execution);
    !system.history.ended_twice && (1..=over).all(|execution| rows & (1 << execution) != 0)
}

/// Whether, with no more faults and wishes, the task ends and nothing is owed. What it waits for does happen.
fn ends(model: &TaskModel, system: &System, with: &[Cause]) -> bool {
    let among = [&[Cause::Own, Cause::Work], with].concat();
    // As far as it goes by itself; then what is waited for happens, and it goes on.
    let mut happened = Some(system.clone());
    for drive in 0..=system.task.redrives {
        happened = happened
            .and_then(|system| rest(model, &system, Action::cause, &among))
            .map(|system| happen(model, system, drive));
    }
    let last = happened.and_then(|system| rest(model, &system, Action::cause, &among));
    last.is_some_and(|last| !last.task.is_live() && last.actors.is_empty() && !owes_a_letter(&last))
}

fn happen(model: &TaskModel, system: System, drive: u8) -> System {
    use stateright::Model;
    model.next_state(&system, Action::Happen(drive)).unwrap_or(system)
}

fn owes_a_letter(system: &System) -> bool {
    system.task.status == Status::Failed && !system.history.letter
}
