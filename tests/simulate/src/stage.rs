//! Has a plan happen.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Once,
    time::Duration,
};

use errand::{
    Timestamp,
    spi::{
        clock::Clock,
        queue::{Queue, QueueName},
    },
    testing::{self, Faults},
};
use futures::FutureExt;

use crate::{
    actors::{self, Actor},
    pick::Pick,
    plan::{Plan, Step},
    process::{self, Process},
    rest,
    seen::Seen,
    world::{PROCESSED, World},
};

/// How many are under way at once.
const MOST_PROCESSES: usize = 6;

/// How long a task must have ended before retention removes it: longer than any clock here differs or is set back.
const KEPT: Duration = Duration::from_secs(1000);

/// Those that ask for tasks by keys, again where no answer came.
const ASKING: [&str; 4] = ["client", "groups", "runs", "operator"];

/// What came of a plan.
#[derive(Debug)]
pub struct Outcome {
    /// The same if the same has happened.
    pub hash: u64,
    /// What did not hold.
    pub broken: Option<String>,
    /// What happened, if that was asked for.
    pub lines: Vec<String>,
}

/// Has `plan` happen; `told`: to be read.
pub fn run(plan: &Plan, told: bool) -> Outcome {
    hide_told_panics();
    testing::seed(Some(plan.seed));
    let seen = Seen::new(told);
    let played = catch_unwind(AssertUnwindSafe(|| play(plan, &seen)));
    testing::seed(None);
    let mut inside = seen.inside();
    if let Err(panic) = played {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|&said| said.to_owned()));
        inside.break_off(format!("panic: {}", said.unwrap_or_default()));
    }
    Outcome { hash: inside.trace.hash(), broken: inside.broken.clone(), lines: inside.trace.take_lines() }
}

fn play(plan: &Plan, seen: &Seen) {
    let Some(mut stage) = Stage::new(plan.seed, seen.clone()).now_or_never() else {
        unreachable!("nothing waits before anything has happened")
    };
    for step in &plan.steps {
        stage.take(step);
        if seen.is_broken() {
            return;
        }
    }
    stage.end(plan.all_are_lost);
}

/// The world and everybody who is under way in it.
struct Stage {
    world: Rc<World>,
    actors: Vec<Box<dyn Actor>>,
    processes: Vec<Process>,
    begun: usize,
    has_retired: bool,
}

impl Stage {
    async fn new(seed: u64, seen: Seen) -> Self {
        let world = Rc::new(World::new(seed, seen).await);
        Self { world, actors: actors::all(), processes: Vec::new(), begun: 0, has_retired: false }
    }

    fn take(&mut self, step: &Step) {
        self.world.seen.note(format_args!("{step:?}"));
        match *step {
            Step::Begin { actor, machine, skew_ms, pick } => self.begin(actor, machine, skew_ms, pick),
            Step::Go { who, calls } => {
                if let Some(place) = who.checked_rem(self.processes.len()) {
                    self.go_on(place, calls);
                }
            }
            Step::GoNewest { calls } => {
                if let Some(place) = self.processes.len().checked_sub(1) {
                    self.go_on(place, calls);
                }
            }
            Step::Fail { who, fault } => {
                if let Some(place) = who.checked_rem(self.processes.len()) {
                    self.processes[place].faults.next(fault);
                }
            }
            Step::Lose { who } => {
                if let Some(place) = who.checked_rem(self.processes.len()) {
                    let lost = self.processes.remove(place);
                    self.world.seen.note(format_args!("  {} {} is lost", lost.name, lost.number));
                }
            }
            Step::LoseMessage | Step::DoubleMessage | Step::DelayMessage { .. } => self.meddle(step),
            Step::MoveBack => self.move_back(),
            Step::Retire { which } => self.retire(which),
            Step::Restart { machine } => {
                let anew = self.world.machine();
                self.world.machines.borrow_mut()[machine] = anew;
            }
            // A key's next life is not to begin before its last one.
            Step::Clock { ms } if ms < 0 && self.has_retired => {}
            Step::Clock { ms } => {
                self.world.clock.set(Timestamp::from_millis(self.world.clock.now().as_millis() + ms));
            }
        }
    }

    fn begin(&mut self, actor: &str, machine: usize, skew_ms: i64, pick: u64) {
        let Some(actor) = self.actors.iter().find(|known| known.name() == actor) else { return };
        if self.processes.len() >= MOST_PROCESSES {
            return;
        }
        let faults = Faults::stepping();
        let app = process::on(&self.world.app(machine), &self.world, &faults, skew_ms);
        if let Some(work) = actor.begin(app, self.world.clone(), Pick::of(pick)) {
            self.world.seen.note(format_args!("  {} is {}", actor.name(), self.begun));
            self.processes.push(Process::new(self.begun, actor.name(), faults, self.world.clock.now(), work));
            self.begun += 1;
        }
    }

    /// Lets one go on by so many calls, if it has as many.
    fn go_on(&mut self, place: usize, calls: u8) {
        for _ in 0..calls {
            if self.go(place) {
                break;
            }
        }
    }

    /// Lets one go on by a call. Whether it has come to its end.
    fn go(&mut self, place: usize) -> bool {
        let process = &mut self.processes[place];
        self.world.seen.note(format_args!("  {} {}", process.name, process.number));
        let ended = process.go(&self.world);
        if ended {
            let process = self.processes.remove(place);
            let how = process.faults.crashed_at().map_or("ended", |_| "crashed");
            self.world.seen.note(format_args!("  {} {} {how}", process.name, process.number));
        }
        ended
    }

    fn meddle(&self, step: &Step) {
        let queue = &self.world.queue;
        let next = PROCESSED.into_iter().find_map(|from| Some((from, queue.receive(from, 1, Duration::ZERO).pop()?)));
        let Some((from, message)) = next else { return };
        match step {
            Step::LoseMessage => queue.delete(from, &message.receipt),
            Step::DelayMessage { s } => {
                drop(queue.hide(from, &message.receipt, Duration::from_secs(*s)).now_or_never());
            }
            _ => {
                self.world.send(from, message.body).now_or_never();
            }
        }
    }

    fn move_back(&self) {
        self.world.collect_letters();
        let letter = self.world.book.borrow().letters.last().cloned();
        if let Some(letter) = letter {
            self.world.send(QueueName::Work(errand::Priority::Medium), letter).now_or_never();
        }
    }

    /// Removes a task that ended long ago, as retention does. What agents have done is kept: their sessions name it. No request
    /// takes as long as a task is kept: what one that is under way may have made stays.
    fn retire(&mut self, which: usize) {
        let now = self.world.clock.now();
        let asks = |process: &&Process| ASKING.contains(&process.name);
        let asked_from = self.processes.iter().filter(asks).map(|process| process.began_at).min().unwrap_or(now);
        let inside = self.world.seen.inside();
        // Of a key's lives the last: the one before it is gone already, and this one may be open.
        let last: BTreeMap<_, _> = inside.lives.values().map(|life| (&life.newest.key, &life.newest)).collect();
        let old = last.into_values().filter(|task| {
            let kept = task.task_type.as_str().contains("run") || task.task_type.as_str().contains("session");
            !kept && task.wake_at.is_none() && task.ended_at.is_some_and(|at| at + KEPT < now && at < asked_from)
        });
        let old: Vec<_> = old.map(|task| task.key.clone()).collect();
        drop(inside);
        if let Some(key) = which.checked_rem(old.len()).and_then(|place| old.get(place)) {
            self.world.store.remove(key);
            self.has_retired = true;
        }
    }

    /// Lets everybody come to their ends, or loses them all; then whatever is left is done without faults.
    fn end(mut self, all_are_lost: bool) {
        if all_are_lost {
            self.processes.clear();
        }
        let mut wait = Duration::from_secs(1);
        while !self.processes.is_empty() && !self.world.seen.is_broken() {
            let calls = |stage: &Self| stage.processes.iter().map(|process| process.faults.calls()).sum::<usize>();
            let before = (self.processes.len(), calls(&self));
            for place in (0..self.processes.len()).rev() {
                self.go(place);
            }
            wait = if before == (self.processes.len(), calls(&self)) {
                self.world.clock.advance(wait);
                (wait * 2).min(rest::LONGEST)
            } else {
                Duration::from_secs(1)
            };
        }
        if !self.world.seen.is_broken() {
            rest::come_to_rest(&self.world);
        }
    }
}

/// A scripted panic is no news, and its backtrace takes longer than a plan.
fn hide_told_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some("told to panic") {
                others(panic);
            }
        }));
    });
}
