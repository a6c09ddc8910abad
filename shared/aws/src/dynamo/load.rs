//! What tasks write to each key of the indexes, counted on the items themselves: a model of the load that the numbers of
//! parts are chosen for. DynamoDB takes 1,000 writes a second for one key.

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

use crate::{
    Shards,
    dynamo::{attributes::Item, task_item},
};
use errand::{
    Asked, Id, Name, Task, TaskKey, Timestamp,
    spi::{
        ids::derived,
        json::Json,
        lifecycle::{Report, Settlement, Trigger, apply},
    },
};

/// What DynamoDB takes for one key of an index.
const PER_KEY: usize = 1000;

/// Tasks a second that come, begin and end.
const RATE: usize = 10_000;

/// The parts there were before their numbers could be set.
const BEFORE: Shards = Shards { due: 16, queue: 8, user: 1 };

const GUIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md"));

/// The index whose key is this attribute, and the attribute that orders it.
const INDEXES: [(&str, &str); 3] = [("d", "w"), ("l", "m"), ("u", "c")];

/// Writes by index and key.
type Writes = HashMap<(&'static str, String), usize>;

/// How the tasks of a second are spread.
#[derive(Clone, Copy)]
struct Load {
    tenants: usize,
    queues: usize,
    users: usize,
    /// How long each waits before it is claimed, in seconds.
    waits_s: u64,
}

const STEADY: Load = Load { tenants: 50, queues: 500, users: 5000, waits_s: 1 };

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000) + Duration::from_secs(s)
}

fn new_task(n: usize, load: Load) -> Task {
    let name = |what: &str, n: usize| Name::new(&format!("{what}-{n}")).unwrap();
    // Of few tenants, queues or users, whichever: one that is hot.
    let key = TaskKey { tenant: name("t", n % load.tenants), id: derived(&[&n.to_string()]) };
    let new = Asked {
        queue: name("q", n % load.queues),
        user_id: Some(Id::new(&format!("u-{}", n % load.users)).unwrap()),
        ..Asked::of_type(key, Name::of("scripted"), Json::default(), "me".into(), at(0))
    };
    Task::accept(new, Uuid::from_u128(1), at(0))
}

/// The states of a task from its insert to its end: while it waits the poller sends messages, when it is due to.
fn life(n: usize, load: Load) -> Vec<Task> {
    let mut states = vec![new_task(n, load)];
    let mut then = |event, now| {
        let after = apply(states.last().unwrap(), event, now).unwrap().task;
        states.push(after.clone());
        after
    };
    let mut task = new_task(n, load);
    while let Some(look) = task.wake_at.filter(|look| *look < at(load.waits_s)) {
        task = then(Trigger::Notify, look);
    }
    let claimed = then(Trigger::Claim { worker: Uuid::from_u128(2), lease: None }, at(load.waits_s));
    let settlement = Settlement::Complete(Json::default());
    let settle = Trigger::Settle { fence: claimed.fence().unwrap(), settlement, report: Report::default() };
    then(settle, at(load.waits_s + 1));
    states
}

/// Adds what DynamoDB writes to the indexes where the item `new` takes the place of `old`: the entry is deleted under its
/// old key and put under its new one, if either attribute of the key has changed.
fn count(writes: &mut Writes, old: &Item, new: &Item) {
    for (key, sort) in INDEXES {
        let place = |item: &Item| Some((item.get(key)?.as_s().unwrap().clone(), item.get(sort)?.clone()));
        let (old, new) = (place(old), place(new));
        if old != new {
            for (of, _) in [old, new].into_iter().flatten() {
                *writes.entry((key, of)).or_default() += 1;
            }
        }
    }
}

/// The writes of the tasks of one second over all their lives, which are those of any second once it goes on like that.
fn writes(load: Load, shards: Shards, tasks: usize) -> Writes {
    let mut writes = Writes::new();
    for n in 0..tasks {
        let mut old = Item::new();
        for task in life(n, load) {
            let new = task_item::write(&task, false, Duration::ZERO, shards).unwrap();
            count(&mut writes, &old, &new);
            old = new;
        }
    }
    writes
}

/// The most that one key of the index over `of` is written.
fn most(writes: &Writes, of: &str) -> usize {
    writes.iter().filter(|((index, _), _)| *index == of).map(|(_, writes)| *writes).max().unwrap_or(0)
}

/// The writes of one task to all keys of the index over `of` that hold open tasks.
fn of_one(load: Load, of: &str) -> usize {
    let open = |key: &str| of != "l" || key.contains("#open#");
    let writes = writes(load, BEFORE, 1);
    writes.iter().filter(|((index, key), _)| *index == of && open(key)).map(|(_, writes)| *writes).sum()
}

#[test]
fn no_key_is_written_more_often_than_dynamodb_takes() {
    let loads = [
        ("steady", STEADY),
        ("one hot tenant and queue", Load { tenants: 1, queues: 1, ..STEADY }),
        ("one hot user", Load { tenants: 1, users: 1, ..STEADY }),
        ("ten thousand tenants", Load { tenants: 10_000, queues: 10_000, users: 10_000, ..STEADY }),
        // Ten million waiting tasks are worked off at the rate that others come.
        ("a backlog of ten million", Load { waits_s: 10_000_000 / RATE as u64, ..STEADY }),
    ];
    for (what, load) in loads {
        let writes = writes(load, Shards::default(), RATE);
        for (index, _) in INDEXES {
            assert!(most(&writes, index) <= PER_KEY, "{what}: {} writes to one key of {index}", most(&writes, index));
        }
    }
}

#[test]
fn a_late_claim_writes_no_more_to_the_index_than_a_prompt_one() {
    let with_messages = |waits_s, messages: usize| of_one(Load { waits_s, ..STEADY }, "d") - 2 * messages;
    let prompt = with_messages(1, 0);
    assert_eq!([(100, 0), (119, 0), (130, 1), (359, 1), (1000, 3)].map(|(s, n)| with_messages(s, n)), [prompt; 5]);
}

/// The guide's table is what the model comes to.
#[test]
fn the_guide_says_what_each_number_of_parts_can_take() {
    let head = "| `DueShards`, `ListShards`, `UserShards` |";
    let rows =
        GUIDE.lines().skip_while(|line| !line.starts_with(head)).skip(2).take_while(|line| line.starts_with('|'));
    let (backlog, mut told) = (Load { waits_s: 1000, ..STEADY }, Vec::new());
    for row in rows {
        let cells = row.trim_matches('|').split('|').map(|cell| {
            let numbers = cell.split(',').map(|n| n.trim().replace(' ', "").parse::<usize>());
            numbers.collect::<Result<Vec<_>, _>>().unwrap_or_else(|error| panic!("{row}: {error}"))
        });
        let cells: Vec<_> = cells.collect();
        let [due, queue, user] = cells[0][..] else { panic!("{row}") };
        let takes = |shards: usize, load, index| vec![shards * PER_KEY / of_one(load, index)];
        let expected =
            [takes(due, STEADY, "d"), takes(due, backlog, "d"), takes(queue, STEADY, "l"), takes(user, STEADY, "u")];
        assert_eq!(cells[1..], expected, "{row}");
        let [due, queue, user] = [due, queue, user].map(|n| u16::try_from(n).unwrap());
        told.push(Shards { due, queue, user });
    }
    assert!(told.contains(&BEFORE) && told.contains(&Shards::default()), "{told:?}");
}
