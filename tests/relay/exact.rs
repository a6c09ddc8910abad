//! Random histories of tasks, cut into random batches and windows, repeated at random, folded now and then, with faults
//! at random calls: the counters are those of the history.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
};

use errand::{App, Id, Name, Status, Timestamp, spi::store::StatsScope};
use errand_aws::relay::{Batch, BusEvents, Relayed, Seen, Sequence, Tally, fold, relay};
use futures::poll;
use integration_tests::{
    faults::{Fault, Faults, FaultyCounters},
    relay::{MemoryBus, MemoryCounters},
    world::World,
};
use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::Config,
};

use super::{change, seen, sequence, with_bus};

const HOUR_MS: u64 = 3_600_000;

/// One change: of which task, to which status, how much later.
#[derive(Clone, Debug)]
struct Event {
    task: usize,
    status: Status,
    after_ms: u64,
}

/// What Lambda does next with a shard.
#[derive(Clone, Debug)]
enum Step {
    /// Hands over the next so many records, as the last of a window or not; this goes wrong at that call.
    Batch { shard: Index, most: usize, is_last: bool, fault: Option<(usize, Fault)> },
    /// The same while neither the bus nor the outbox takes anything; the answer's state is used, or the one before.
    Refused { shard: Index, most: usize, new_state: bool },
    /// Folds what is counted; the folder ends in the middle, held up so often.
    Fold { ends_after: Option<usize> },
    /// Starts again from where a window began, or from somewhere before, having forgotten the window.
    GoBack { shard: Index, to: Index },
}

/// One shard, and how far Lambda is.
#[derive(Clone, Debug, Default)]
struct Shard {
    records: Vec<(Sequence, Seen)>,
    next: usize,
    window: usize,
    state: Option<String>,
}

/// The kinds of tasks there are: tenant, project, queue, lane, type.
fn kind(task: usize, tenants: usize) -> [String; 5] {
    let n = |of: usize, name: &str| if of == 0 { "default".to_owned() } else { format!("{name}{of}") };
    [format!("t{}", task % tenants), n(task % 2, "p"), n(task / 2 % 2, "q"), n(task / 4 % 2, "l"), n(task % 3, "y")]
}

/// The changes that a history makes, and how many tasks of each kind stand where, entered what when.
#[derive(Debug, Default)]
struct History {
    shards: Vec<Shard>,
    stands: BTreeMap<usize, Status>,
    entered: BTreeMap<(usize, Timestamp, Status), i64>,
    changes: u64,
}

fn history(events: &[Event], shards: usize, tenants: usize) -> History {
    let mut history = History { shards: vec![Shard::default(); shards], ..History::default() };
    let mut now_ms = 500_000 * HOUR_MS;
    for (nth, event) in events.iter().enumerate() {
        now_ms += event.after_ms;
        let at = Timestamp::from_millis(i64::try_from(now_ms).unwrap());
        let old = history.stands.get(&event.task).copied();
        let told = if old == Some(event.status) {
            Seen::Nothing
        } else {
            let [tenant, project, queue, lane, task_type] = kind(event.task, tenants);
            let mut told = change(&tenant, event.task as u128, old, event.status, at);
            let name = |text: &str| Name::new(text).unwrap();
            (told.project, told.queue) = (name(&project), name(&queue));
            (told.lane, told.task_type) = (name(&lane), name(&task_type));
            history.stands.insert(event.task, event.status);
            let hour = Timestamp::from_millis(i64::try_from(now_ms - now_ms % HOUR_MS).unwrap());
            *history.entered.entry((event.task, hour, event.status)).or_default() += 1;
            history.changes += 1;
            seen(told)
        };
        // The numbers grow by a digit on the way.
        let shard = event.task % shards;
        history.shards[shard].records.push((sequence(99_980 + nth as u128), told));
    }
    history
}

/// Numbers by counter, by kind or hour, and by status.
type Numbers = BTreeMap<(String, String, Status), i64>;

/// The counters that the history should leave, told from where its tasks stand and what they entered.
fn expected(history: &History, tenants: usize) -> Numbers {
    let mut all = Numbers::new();
    let mut count = |task: usize, hour: Option<Timestamp>, status: Status, by: i64| {
        let [tenant, project, queue, lane, task_type] = kind(task, tenants);
        let place = |kind: String| hour.map_or(kind, |hour| hour.to_string());
        let queue = format!("{tenant}/{project}/{queue}");
        *all.entry((queue, place(format!("{lane}/{task_type}")), status)).or_default() += by;
        *all.entry(("*".to_owned(), place("*".to_owned()), status)).or_default() += by;
    };
    history.stands.iter().for_each(|(task, status)| count(*task, None, *status, 1));
    history.entered.iter().for_each(|((task, hour, status), by)| count(*task, Some(*hour), *status, *by));
    all
}

/// The same as they were counted; and everybody's changes.
fn counted(counts: &Tally) -> (Numbers, u64) {
    let mut all = Numbers::new();
    let mut changes = 0;
    for (counter, sums) in counts.iter() {
        let kinds = sums.kinds.iter().map(|(kind, by)| (String::from(kind.clone()), by));
        for (place, by) in kinds.chain(sums.hours.iter().map(|(hour, by)| (hour.to_string(), by))) {
            let numbers = by.iter().map(|(status, n)| ((counter.to_string(), place.clone(), *status), *n));
            all.extend(numbers);
        }
        if *counter == StatsScope::All {
            changes = sums.changes;
        }
    }
    (all, changes)
}

/// The ids of the events that tell of an end.
fn ends(history: &History) -> BTreeSet<Id> {
    let seen = history.shards.iter().flat_map(|shard| &shard.records);
    let event = |seen: &Seen| if let Seen::Task(change) = seen { change.event(BusEvents::Ended) } else { None };
    seen.filter_map(|(_, seen)| Some(event(seen)?.id)).collect()
}

/// Lambda, the bus and the counters.
struct Play {
    app: App,
    bus: Arc<MemoryBus>,
    counters: Arc<MemoryCounters>,
    shards: Vec<Shard>,
}

impl Play {
    async fn take(&mut self, step: &Step) {
        let count = self.shards.len();
        match step {
            Step::Batch { shard, most, is_last, fault } => {
                self.batch(shard.index(count), *most, *is_last, *fault).await;
            }
            Step::Refused { shard, most, new_state } => self.refused(shard.index(count), *most, *new_state).await,
            Step::Fold { ends_after } => {
                let mut folder = pin!(fold(&*self.counters, &*self.app.clock, None));
                let mut held_up = 0;
                while ends_after.is_none_or(|most| held_up < most) && poll!(&mut folder).is_pending() {
                    held_up += 1;
                }
            }
            Step::GoBack { shard, to } => {
                let shard = &mut self.shards[shard.index(count)];
                shard.next = to.index(shard.window + 1);
                shard.state = None;
            }
        }
    }

    fn event(&self, shard: usize, most: usize, is_last: bool) -> Batch {
        let Shard { records, next, state, .. } = &self.shards[shard];
        let end = records.len().min(next + most);
        Batch { shard: shard.to_string(), records: records[*next..end].to_vec(), state: state.clone(), is_last }
    }

    async fn batch(&mut self, shard: usize, most: usize, is_last: bool, fault: Option<(usize, Fault)>) {
        let faults = fault.map_or_else(Arc::default, |(nth, fault)| Faults::at(nth, fault));
        let counters = FaultyCounters::new(self.counters.clone(), faults.clone());
        let batch = self.event(shard, most, is_last);
        let len = batch.records.len();
        let relayed = tokio::select! {
            relayed = relay(&self.app, &counters, BusEvents::default(), batch) => relayed.ok(),
            () = faults.ended() => None,
        };
        // Without an answer it is handed over again: by another step, and perhaps in other pieces.
        if let Some(Relayed { state, again }) = relayed {
            assert_eq!(again, None);
            let shard = &mut self.shards[shard];
            shard.next += len;
            shard.state = (!is_last).then_some(state);
            if is_last {
                shard.window = shard.next;
            }
        }
    }

    async fn refused(&mut self, shard: usize, most: usize, new_state: bool) {
        self.bus.set_broken(true);
        let batch = self.event(shard, most, false);
        // The nth call of a process: here its only one, to keep what the bus refused.
        let app = Faults::at(0, Fault::Unavailable).around(&self.app);
        let relayed = relay(&app, &*self.counters, BusEvents::default(), batch.clone()).await.unwrap();
        self.bus.set_broken(false);
        let shard = &mut self.shards[shard];
        let told = batch.records.iter().take_while(|(at, _)| relayed.again.as_ref() != Some(at)).count();
        shard.next += told;
        if new_state || relayed.again.is_none() {
            shard.state = Some(relayed.state);
        }
    }

    async fn finish(&mut self) {
        for shard in 0..self.shards.len() {
            self.batch(shard, usize::MAX / 2, true, None).await;
        }
        fold(&*self.counters, &*self.app.clock, None).await.unwrap();
        assert_eq!(self.counters.waiting(), 0);
    }
}

fn event(tasks: usize) -> impl Strategy<Value = Event> {
    let after_ms = prop_oneof![9 => 0..1000_u64, 1 => 0..2 * HOUR_MS];
    (0..tasks, select(Status::ALL.to_vec()), after_ms).prop_map(|(task, status, after_ms)| Event {
        task,
        status,
        after_ms,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let fault = (0..4_usize, select(Fault::ALL.to_vec()));
    let batch = (any::<Index>(), 0..40_usize, prop::bool::weighted(0.3), prop::option::weighted(0.4, fault));
    prop_oneof![
        7 => batch.prop_map(|(shard, most, is_last, fault)| Step::Batch { shard, most, is_last, fault }),
        1 => (any::<Index>(), 0..40_usize, any::<bool>())
            .prop_map(|(shard, most, new_state)| Step::Refused { shard, most, new_state }),
        2 => prop::option::of(0..60_usize).prop_map(|ends_after| Step::Fold { ends_after }),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(shard, to)| Step::GoBack { shard, to }),
    ]
}

/// How many tenants, and shards; then the history, and what Lambda makes of it.
fn play() -> impl Strategy<Value = (usize, usize, Vec<Event>, Vec<Step>)> {
    (select(vec![2_usize, 150]), 1..4_usize).prop_flat_map(|(tenants, shards)| {
        let events = prop::collection::vec(event(if tenants == 2 { 30 } else { 200 }), 0..300);
        (Just(tenants), Just(shards), events, prop::collection::vec(step(), 0..40))
    })
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(300) })]

    #[test]
    fn counters_are_exact_whatever_lambda_repeats((tenants, shards, events, steps) in play()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let history = history(&events, shards, tenants);
        let bus = Arc::new(MemoryBus::default());
        let app = with_bus(&World::new().app, &bus);
        let counters = Arc::new(MemoryCounters::default());
        let mut play = Play { app, bus, counters: counters.clone(), shards: history.shards.clone() };
        runtime.block_on(async {
            for step in &steps {
                play.take(step).await;
            }
            play.finish().await;
        });
        let (all, changes) = counted(&counters.counts());
        prop_assert_eq!(all, expected(&history, tenants));
        prop_assert_eq!(changes, history.changes);
        // And every end was told, with one id however often.
        let told: BTreeSet<_> = play.bus.taken().into_iter().map(|event| event.id).collect();
        prop_assert_eq!(told, ends(&history));
    }
}
