//! Counters as they were written before each queue had one: read, to be added to what is counted now.
//!
//! A tenant had a total and a counter for each hour, with an attribute for each number; all tenants together had the
//! same. So had the window that one batch of the stream hands on to the next.
//!
//! | name | what it counts |
//! |---|---|
//! | `{s}/{project}/{queue}/{lane}/{type}` | tasks by status: `p`, `r`, `c`, `f`, `x` (cancelled), `b` |
//! | `n/{project}/{queue}` | changes of status, inserts included |
//! | `e/{project}/{queue}` | no count: when a task was last processed, in milliseconds since 1970 |
//! | `{s}/`, `n/`, `e/` | the same of everybody |
//! | `{s}/*`, `n/*`, `e/*` | what had found no room; of no queue, and left out |
//!
//! `default` was written as nothing.

use std::collections::BTreeMap;

use crate::relay::{Tally, TallyKind};
use errand::{Name, Status, Timestamp, spi::store::StatsScope};

/// What a window carried: the numbers of each counter, whose name was `{tenant}` or `{tenant}#{hour}`, `*` being everybody.
pub(super) type Before = BTreeMap<String, BTreeMap<String, i64>>;

/// What a window carried, as it is carried now.
pub(super) fn tally(counters: &Before) -> Tally {
    let mut tally = Tally::default();
    for (counter, numbers) in counters {
        let (tenant, hour) = counter.split_once('#').map_or((&**counter, None), |(tenant, hour)| (tenant, Some(hour)));
        let tenant = Name::new(tenant).ok(); // `*` is no name
        let hour = hour.and_then(|ms| ms.parse().ok()).map(Timestamp::from_millis);
        for (name, n) in numbers {
            add(&mut tally, tenant.as_ref(), hour, name, *n);
        }
    }
    tally
}

/// Adds what one number of a counter says: of a tenant, or of everybody, in an hour or in all.
pub(crate) fn add(to: &mut Tally, tenant: Option<&Name>, hour: Option<Timestamp>, name: &str, n: i64) -> Option<()> {
    let (what, of) = name.split_once('/')?;
    let parts: Vec<&str> = of.split('/').collect();
    let (counter, kind) = match (tenant, parts.as_slice()) {
        (None, [""]) => (StatsScope::All, Some(TallyKind::Rest)),
        (Some(tenant), [project, queue]) => (queue_of(tenant, project, queue)?, None),
        (Some(tenant), [project, queue, lane, kind]) => {
            (queue_of(tenant, project, queue)?, Some(TallyKind::Of(long(lane)?, long(kind)?)))
        }
        _ => return None,
    };
    let sums = to.of_mut(counter);
    match (what, kind, hour) {
        ("n", _, None) => sums.changes += u64::try_from(n).ok()?,
        ("e", _, None) => sums.last_processed_at = sums.last_processed_at.max(Some(Timestamp::from_millis(n))),
        (letter, Some(kind), None) => sums.tasks(kind, status(letter)?, n),
        (letter, Some(_), Some(hour)) => sums.entered(hour, status(letter)?, n),
        _ => return None,
    }
    Some(())
}

fn queue_of(tenant: &Name, project: &str, queue: &str) -> Option<StatsScope> {
    Some(StatsScope::Queue { tenant: tenant.clone(), project: long(project)?, queue: long(queue)? })
}

fn status(letter: &str) -> Option<Status> {
    Some(match letter {
        "p" => Status::Pending,
        "r" => Status::Running,
        "c" => Status::Completed,
        "f" => Status::Failed,
        "x" => Status::Cancelled,
        "b" => Status::Blocked,
        _ => return None,
    })
}

fn long(text: &str) -> Option<Name> {
    if text.is_empty() { Some(Name::default()) } else { Name::new(text).ok() }
}
