//! What a seed says: a list of steps, each of which stands for itself. So any of them can be left out.

use errand::testing::Fault;

use crate::{actors, pick::Pick};

/// What happens, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What ids and waits are drawn from.
    pub seed: u64,
    pub steps: Vec<Step>,
    /// Whether, after the steps, all who are under way are never heard of again; or come to their ends.
    pub all_are_lost: bool,
}

/// One step. Numbers that name one of several are taken modulo what there is.
#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody begins, on one of the machines; `pick` says with what.
    Begin { actor: &'static str, machine: usize, skew_ms: i64, pick: u64 },
    /// One who has begun goes on by so many calls.
    Go { who: usize, calls: u8 },
    /// So does who has begun last.
    GoNewest { calls: u8 },
    /// One's next call goes wrong.
    Fail { who: usize, fault: Fault },
    /// One is never heard of again.
    Lose { who: usize },
    /// A message that could be received now is lost.
    LoseMessage,
    /// It is there twice.
    DoubleMessage,
    /// It comes so many seconds later.
    DelayMessage { s: u64 },
    /// The newest dead letter is moved back to a work queue.
    MoveBack,
    /// Retention removes an ended task.
    Retire { which: usize },
    /// A machine begins anew: what it has noted is forgotten.
    Restart { machine: usize },
    /// Time passes, or the clock is set back.
    Clock { ms: i64 },
}

const SKEWS_MS: [i64; 10] = [0, 0, 0, 0, 1000, -1000, 3000, -3000, 100_000, -100_000];
const JUMPS_MS: [i64; 14] =
    [500, 1000, 2000, 10_000, 20_000, 30_000, 40_000, 70_000, 100_000, 400_000, 1_000_000, -1000, -5000, -200_000];

/// How many machines there are.
pub const MACHINES: usize = 2;

impl Plan {
    /// What `seed` says.
    pub fn of(seed: u64) -> Self {
        let mut pick = Pick::of(seed);
        let count = 20 + pick.below(120);
        // In each plan others are busy, and some are not there at all: what rarely meets otherwise meets then.
        let everybody: Vec<Busy> = actors::all()
            .iter()
            .map(|actor| Busy { name: actor.name(), weight: actor.weight() * pick.of_these(&[0, 1, 1, 2, 4]) })
            .collect();
        let mut steps = Vec::new();
        while steps.len() < count {
            if pick.percent(4) {
                steps.extend(overtaken(&mut pick));
            } else {
                steps.push(step(&mut pick, &everybody));
            }
        }
        Self { seed, steps, all_are_lost: pick.percent(30) }
    }
}

/// How busy somebody is in a plan.
struct Busy {
    name: &'static str,
    weight: u32,
}

/// What by chance alone would rarely come together: leases end, a poller finds that out, and somebody else begins with
/// what those have who are still under way.
fn overtaken(pick: &mut Pick) -> Vec<Step> {
    let other = pick.of_these(&["processor", "processor", "worker"]);
    let [poller, again, other] = ["poller", "poller", other].map(|actor| {
        let (machine, pick) = (pick.below(MACHINES), pick.number());
        Step::Begin { actor, machine, skew_ms: 0, pick }
    });
    let whole = Step::GoNewest { calls: 200 };
    let calls = u8::try_from(pick.below(5)).unwrap_or(0);
    let (leases_end, next_try) = (Step::Clock { ms: 100_000 }, Step::Clock { ms: 70_000 });
    vec![leases_end, poller, whole.clone(), next_try, again, whole, other, Step::GoNewest { calls }]
}

fn step(pick: &mut Pick, everybody: &[Busy]) -> Step {
    let who = |pick: &mut Pick| pick.below(16);
    match pick.below(100) {
        0..32 => {
            let actor = pick.weighed(everybody, |actor| actor.weight).map_or("", |actor| actor.name);
            let (machine, skew_ms) = (pick.below(MACHINES), pick.of_these(&SKEWS_MS));
            Step::Begin { actor, machine, skew_ms, pick: pick.number() }
        }
        32..74 => Step::Go { who: who(pick), calls: u8::try_from(1 + pick.below(8)).unwrap_or(1) },
        74..78 => Step::Fail { who: who(pick), fault: pick.of_these(&Fault::ALL) },
        78..81 => Step::Lose { who: who(pick) },
        81 => Step::LoseMessage,
        82..85 => Step::DoubleMessage,
        85 => Step::DelayMessage { s: pick.of_these(&[10, 600]) },
        86 => Step::MoveBack,
        87 => Step::Retire { which: pick.below(64) },
        88 => Step::Restart { machine: pick.below(MACHINES) },
        _ => Step::Clock { ms: pick.of_these(&JUMPS_MS) },
    }
}
