//! The guide's table of write units says what is counted, row by row.

use std::collections::BTreeMap;

use errand::{
    Dispatch, FailureKind, Task,
    spi::{
        lifecycle::{KeptFailure, Settlement, Trigger},
        store::{self, Commit, Expect, Inserted, Record, RecordWrite, Store, TaskWrite},
    },
};
use uuid::Uuid;

use super::{
    Setup, at, change, claim, complete, erase,
    meter::{Meter, Used},
    own_writes::record,
    pushed_cost, schedule_cost, settle, task, watched,
};

const GUIDE: &str = include_str!("../../docs/operations.md");

/// What was used, as it is counted here, and if a transaction's writes to indexes count double.
type Units = (f64, f64);

fn sum<'u>(of: impl IntoIterator<Item = &'u Used>) -> Units {
    of.into_iter().fold((0.0, 0.0), |(a, b), used| (a + used.write_units(), b + used.doubled()))
}

/// The guide's rows: what, and its units.
fn told() -> Vec<(String, Units)> {
    let head = "| write units of | | if indexes count double in a transaction |";
    let rows = GUIDE.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = |cell: &str| cell.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        (cells[0].to_owned(), (number(cells[1]), number(cells[2])))
    };
    rows.map(row).collect()
}

struct Metered {
    setup: Setup,
    meter: Meter,
}

impl Metered {
    async fn new() -> Self {
        let meter = Meter::default();
        Self { setup: watched(meter.clone()).await, meter }
    }

    async fn insert(&self, task: &Task) -> Used {
        self.meter.take();
        assert_eq!(store::insert(&self.setup.store, task.clone()).await.unwrap(), Inserted::New);
        self.meter.take()
    }

    async fn commit(&self, (commit, after): (Commit, Task)) -> (Used, Task) {
        self.meter.take();
        store::commit(&self.setup.store, commit).await.unwrap();
        (self.meter.take(), after)
    }

    /// A new task that is claimed.
    async fn claimed(&self, new: &Task) -> ([Used; 2], Task) {
        let insert = self.insert(new).await;
        let (claim, claimed) = self.commit(claim(new, at(1))).await;
        ([insert, claim], claimed)
    }

    /// What a whole life costs.
    async fn life(&self, new: &Task) -> Units {
        let ([insert, claim], claimed) = self.claimed(new).await;
        let (settle, _) = self.commit(complete(&claimed, at(2))).await;
        sum([&insert, &claim, &settle])
    }

    /// So many tasks that are inserted, read, claimed and ended together.
    async fn batch(&self, count: usize) -> Units {
        let new: Vec<Task> = (0..count).map(|_| task(300)).collect();
        self.meter.take();
        self.setup.store.insert(new.clone()).await.into_iter().for_each(|inserted| _ = inserted.unwrap());
        let keys: Vec<_> = new.iter().map(|task| task.key.clone()).collect();
        for read in self.setup.store.tasks(&keys).await {
            let (commit, claimed) = claim(&read.unwrap().unwrap(), at(1));
            store::commit(&self.setup.store, commit).await.unwrap();
            store::commit(&self.setup.store, complete(&claimed, at(2)).0).await.unwrap();
        }
        let used = self.meter.take();
        // As docs/operations.md has it: 4.1 a task, of ten together.
        assert_eq!(used.requests, 4 * count + 1);
        sum([&used])
    }

    /// An end with so many records as effects.
    async fn end_with(&self, records: usize) -> Units {
        let (_, claimed) = self.claimed(&task(300)).await;
        let (mut commit, after) = complete(&claimed, at(2));
        let records: Vec<Record> = (0..records).map(note).collect();
        if let Some(TaskWrite::Change { transition, .. }) = &mut commit.task {
            let row = transition.log.as_mut().unwrap();
            row.effects = records.iter().map(|record| format!("put {} {}", record.key.kind, record.key.id)).collect();
        }
        let put = |record| RecordWrite::Put { record: Box::new(record), expect: Expect::Absent };
        let commit = Commit { records: records.into_iter().map(put).collect(), ..commit };
        sum([&self.commit((commit, after)).await.0])
    }
}

fn note(n: usize) -> Record {
    let record = record();
    let id = errand::Id::new(&format!("n-{n}-{}", Uuid::new_v4().simple())).unwrap();
    Record { key: store::RecordKey { id, ..record.key }, ..record }
}

/// `used` in two: without the copy of the row, and that.
fn apart(used: &Used) -> [Used; 2] {
    let of_log = |(what, _): &(&String, &f64)| what.as_str() == "log";
    let copy: BTreeMap<String, f64> =
        used.writes.iter().filter(of_log).map(|(what, units)| (what.clone(), *units)).collect();
    let rest = used.writes.iter().filter(|entry| !of_log(entry)).map(|(what, units)| (what.clone(), *units));
    [Used { writes: rest.collect(), ..used.clone() }, Used { writes: copy, ..Used::default() }]
}

fn less((a, b): Units, (c, d): Units) -> Units {
    (a - c, b - d)
}

/// A task that is tried, then ends: what that costs more than one that ends at once.
async fn once_more(metered: &Metered, plain: Units, then: impl Fn(&Task) -> (Commit, Task)) -> Units {
    let (before, claimed) = metered.claimed(&task(300)).await;
    let (waits, waiting) = metered.commit(then(&claimed)).await;
    let (claim, claimed) = metered.commit(claim(&waiting, at(200))).await;
    let (end, _) = metered.commit(complete(&claimed, at(201))).await;
    less(sum(before.iter().chain([&waits, &claim, &end])), plain)
}

fn failure() -> KeptFailure {
    KeptFailure::new(FailureKind::Handler, "the mail server answered 451", at(2), 1)
}

/// What happens to a task in its life.
async fn of_lives(metered: &Metered) -> Vec<(&'static str, Units)> {
    let ([insert, claim], running) = metered.claimed(&task(300)).await;
    let [settled, copy] = apart(&metered.commit(complete(&running, at(2))).await.0);
    let plain = metered.life(&task(300)).await;
    let without_user = task(300).asking(|asked| asked.user_id = None);
    let child = task(300).asking(|asked| asked.parent_id = Some(Uuid::new_v4()));
    let pulled = task(300).asking(|asked| asked.dispatch = Dispatch::Pulled);

    let snooze = |task: &Task| settle(task, Settlement::Snooze { run_at: at(100), hinted: true }, at(2));
    let retry =
        |task: &Task| settle(task, Settlement::Retry { run_at: at(100), failure: failure(), hinted: true }, at(2));
    let reap = |task: &Task| change(task, Trigger::Reap { max_losses: 5, jitter: 0.5 }, at(120));
    let due = task(300);
    metered.insert(&due).await;
    let (message, _) = metered.commit(change(&due, Trigger::Notify, due.wake_at.unwrap())).await;
    let (_, held) = metered.claimed(&task(300)).await;
    let renew = Trigger::Renew { fence: super::fence(&held), lease: None, progress: None };
    let (renewal, _) = metered.commit(change(&held, renew, at(9))).await;
    vec![
        ("insert", sum([&insert])),
        ("claim", sum([&claim])),
        ("settle, without effects", sum([&settled])),
        ("copy of its row", sum([&copy])),
        ("a plain task, about a user", plain),
        ("the same about nobody", metered.life(&without_user).await),
        ("one that follows from another", metered.life(&child).await),
        ("one that a worker outside does", metered.life(&pulled).await),
        ("a batch of ten", metered.batch(10).await),
        ("each retry", once_more(metered, plain, retry).await),
        ("each snooze", once_more(metered, plain, snooze).await),
        ("each lost worker", once_more(metered, plain, reap).await),
        ("each further message", sum([&message])),
        ("each renewal of a lease", sum([&renewal])),
    ]
}

/// What operators do, and what becomes of one that fails.
async fn of_operators(metered: &Metered) -> Vec<(&'static str, Units)> {
    let cancel = || Trigger::Cancel { reason: "not needed".into(), by: "me".into() };
    let waits = task(300);
    metered.insert(&waits).await;
    let later = Trigger::Reschedule { run_at: at(900), by: "me".into(), if_due: false };
    let (rescheduled, waits) = metered.commit(change(&waits, later, at(1))).await;
    let (cancelled, _) = metered.commit(change(&waits, cancel(), at(2))).await;
    let (_, claimed) = metered.claimed(&task(300)).await;
    let (failed, task) = metered.commit(settle(&claimed, Settlement::Fail { failure: failure() }, at(2))).await;
    let (letter, task) = metered.commit(change(&task, Trigger::DeadLettered { redrives: 0 }, at(3))).await;
    let redrive = Trigger::Redrive { note: None, by: "me".into(), failed_at: None, run_at: None };
    let (redriven, _) = metered.commit(change(&task, redrive, at(4))).await;
    vec![
        ("a failure for good, with its dead letter, in place of the settlement and its copy", sum([&failed, &letter])),
        ("redrive", sum([&redriven])),
        ("cancel", sum([&cancelled])),
        ("reschedule", sum([&rescheduled])),
    ]
}

/// Effects that are records.
async fn of_effects(metered: &Metered) -> Vec<(&'static str, Units)> {
    let [none, one, two, three] =
        [metered.end_with(0).await, metered.end_with(1).await, metered.end_with(2).await, metered.end_with(3).await];
    assert_eq!(less(three, two), less(two, one));
    assert_eq!(none, (5.0, 5.0));
    vec![
        ("settle with one record as effect, and the copy", one),
        ("each further record", less(two, one)),
        ("settle with ten records, which make its row long, and the copy", metered.end_with(10).await),
    ]
}

/// Tasks that are pushed.
async fn of_pushes() -> Vec<(&'static str, Units)> {
    let (.., used) = pushed_cost::pushed(204).await;
    let [insert, call, beat, end] = pushed_cost::elsewhere().await;
    vec![
        ("one that is pushed", sum(&used)),
        ("one that is pushed, and goes on elsewhere (202)", sum([&insert, &call, &end])),
        ("each heartbeat of it", sum([&beat])),
    ]
}

/// Schedules.
async fn of_schedules() -> Vec<(&'static str, Units)> {
    let [insert, firing] = schedule_cost::firing().await;
    vec![
        ("a firing of a schedule, besides the insert of its task", less(sum([&firing]), sum([&insert]))),
        ("the daily look at a schedule that is far from its next firing", sum([&schedule_cost::daily_look().await])),
    ]
}

#[tokio::test]
async fn the_guide_says_of_each_thing_what_units_are_counted() {
    let metered = Metered::new().await;
    let mut counted = of_lives(&metered).await;
    counted.extend(of_pushes().await);
    counted.extend(of_operators(&metered).await);
    counted.extend(of_effects(&metered).await);
    counted.extend(of_schedules().await);
    counted.extend(erase::costs().await.map(|(what, used)| (what, sum([&used]))));
    let counted: Vec<_> = counted.into_iter().map(|(what, units)| (what.to_owned(), units)).collect();
    assert_eq!(told(), counted, "{}", table(&counted));
}

/// As it stands in the guide.
fn table(rows: &[(String, Units)]) -> String {
    rows.iter().map(|(what, (units, doubled))| format!("| {what} | {units} | {doubled} |\n")).collect()
}
