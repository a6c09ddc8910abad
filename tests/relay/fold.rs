//! Several folders at once, in any order and ended anywhere, while shards go on counting: every delta is added once.

use std::{future::Future, pin::Pin, sync::Arc};

use errand::{Status, Timestamp, spi::clock::ManualClock};
use errand_aws::relay::{Counters, Moved, Tally, fold};
use futures::poll;
use integration_tests::relay::MemoryCounters;
use proptest::{prelude::*, sample::Index, test_runner::Config};

use super::{change, sequence};

/// What comes next.
#[derive(Clone, Debug)]
enum Step {
    /// A shard counts a task of one of some tenants.
    Count { shard: usize, tenant: usize },
    /// Somebody begins to fold.
    Begin,
    /// A folder goes on so many times.
    Go { folder: Index, times: usize },
    /// A folder is never heard of again.
    End { folder: Index },
}

type Folder<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The tenant's task that is new, as a shard counts it.
fn one(tenant: usize) -> Tally {
    let mut tally = Tally::default();
    tally.add(&change(&format!("t{tenant}"), 1, None, Status::Pending, Timestamp::from_millis(1_790_000_000_000)));
    tally
}

async fn play(steps: &[Step]) -> (Tally, Tally, usize) {
    let counters = Arc::new(MemoryCounters::default());
    let clock = ManualClock::at(Timestamp::from_millis(1_790_000_000_000));
    let (mut all, mut at, mut folders) = (Tally::default(), [0_u128; 3], Vec::<Folder>::new());
    for step in steps {
        match step {
            Step::Count { shard, tenant } => {
                let from = (at[*shard] > 0).then(|| sequence(at[*shard]));
                at[*shard] += 1;
                let counts = one(*tenant);
                let to = sequence(at[*shard]);
                let (shard, now) = (shard.to_string(), Timestamp::from_millis(0));
                let moved = counters.advance(&shard, from.as_ref(), &to, &counts, now).await;
                assert_eq!(moved.unwrap(), Moved::Done);
                all.merge(&counts);
            }
            // One that meets another may give up; the next goes on where it stopped.
            Step::Begin => folders.push(Box::pin(async {
                let _ = fold(&*counters, &clock, None).await;
            })),
            Step::Go { folder, times } if !folders.is_empty() => {
                let at = folder.index(folders.len());
                for _ in 0..*times {
                    if poll!(&mut folders[at]).is_ready() {
                        drop(folders.remove(at));
                        break;
                    }
                }
            }
            Step::End { folder } if !folders.is_empty() => drop(folders.remove(folder.index(folders.len()))),
            Step::Go { .. } | Step::End { .. } => {}
        }
    }
    fold(&*counters, &clock, None).await.unwrap();
    // Those that were frozen meanwhile wake up.
    for folder in folders {
        folder.await;
    }
    (counters.counts(), all, counters.waiting())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..4_usize).prop_map(|(shard, tenant)| Step::Count { shard, tenant }),
        2 => Just(Step::Begin),
        8 => (any::<Index>(), 1..12_usize).prop_map(|(folder, times)| Step::Go { folder, times }),
        1 => any::<Index>().prop_map(|folder| Step::End { folder }),
    ]
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(500) })]

    #[test]
    fn folders_that_come_between_each_other_add_everything_once(steps in prop::collection::vec(step(), 0..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (counted, all, waiting) = runtime.block_on(play(&steps));
        prop_assert_eq!(waiting, 0);
        prop_assert_eq!(counted, all);
    }
}
