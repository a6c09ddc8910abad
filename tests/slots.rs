//! What a stack's slots come to where some tasks are slow: its event source mappings in a model, counted out.

use std::{cmp::Reverse, collections::BinaryHeap, iter::repeat_n};

use errand::{
    Asked, Name, Priority, Task, TaskKey,
    spi::{ids, json::Json, queue::QueueName},
};
use serde_json::json;

use crate::template::written;
use integration_tests::world::World;

const QUICK_MS: u64 = 100;
const SLOW_MS: u64 = 30_000;

/// A mapping: so many batches at the same time, of so many messages.
#[derive(Clone, Copy)]
struct Mapping {
    concurrency: usize,
    batch: usize,
}

impl Mapping {
    /// What the template has for the queue of this name.
    fn of(queue: &str, batch: usize) -> Self {
        let concurrency = written()["Parameters"][format!("{queue}Concurrency")]["Default"].as_u64().unwrap();
        Self { concurrency: usize::try_from(concurrency).unwrap(), batch }
    }

    /// How long it takes to the end of the last of tasks that take so long: a batch takes as long as its slowest.
    fn takes_ms(self, tasks: &[u64]) -> u64 {
        let mut free: BinaryHeap<Reverse<u64>> = repeat_n(Reverse(0), self.concurrency).collect();
        for batch in tasks.chunks(self.batch) {
            let Reverse(at) = free.pop().unwrap();
            free.push(Reverse(at + batch.iter().max().unwrap()));
        }
        free.into_iter().map(|Reverse(at)| at).max().unwrap()
    }
}

/// Tasks of which a tenth ask a model, in no order, and how long each takes.
fn tasks() -> Vec<(Task, u64)> {
    let mut tasks: Vec<(Task, u64)> = (0..9_000).map(|n| if n % 10 == 0 { slow() } else { quick() }).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut tasks);
    tasks
}

fn quick() -> (Task, u64) {
    (of_type("schedule_followup"), QUICK_MS)
}

fn slow() -> (Task, u64) {
    (of_type("create_conversation_summary"), SLOW_MS)
}

fn of_type(task_type: &'static str) -> Task {
    let key = TaskKey { tenant: Name::default(), id: ids::fresh() };
    let now = Default::default();
    let new = Asked::of_type(key, Name::of(task_type), Json::new(&json!({})), "me".into(), now);
    Task::accept(new, ids::fresh(), now)
}

/// Tasks a second, of those that ride the medium queue and those that ride the long one.
fn rate(medium: Mapping, long: Mapping) -> u64 {
    let tasks = tasks();
    let app = World::new().app;
    let of = |queue| tasks.iter().filter(|(task, _)| app.queue_of(task) == queue).map(|(_, ms)| *ms).collect();
    let (on_medium, on_long): (Vec<u64>, Vec<u64>) = (of(QueueName::Work(Priority::Medium)), of(QueueName::Long));
    assert_eq!(on_medium.len() + on_long.len(), tasks.len());
    let takes_ms = medium.takes_ms(&on_medium).max(long.takes_ms(&on_long));
    tasks.len() as u64 * 1000 / takes_ms
}

#[test]
fn slow_tasks_in_the_batches_of_quick_ones_leave_a_hundred_slots_five_tasks_a_second_at_most() {
    let all: Vec<u64> = tasks().into_iter().map(|(_, ms)| ms).collect();
    let takes_ms = Mapping { concurrency: 10, batch: 10 }.takes_ms(&all);
    let rate = all.len() as u64 * 1000 / takes_ms;
    assert!(rate <= 5, "{rate}");
}

#[test]
fn slow_tasks_apart_leave_a_hundred_slots_thirty_tasks_a_second() {
    let rate = rate(Mapping { concurrency: 1, batch: 10 }, Mapping { concurrency: 90, batch: 1 });
    assert!(rate >= 30, "{rate}");
}

#[test]
fn the_templates_defaults_are_enough_for_a_tenth_of_slow_tasks_in_thirty_a_second() {
    let rate = rate(Mapping::of("Medium", 10), Mapping::of("Long", 1));
    assert!(rate >= 30, "{rate}");
}
