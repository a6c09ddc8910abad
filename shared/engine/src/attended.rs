//! Which types workers outside ask for, and when they last did: somebody is to hear of tasks that nobody comes for.
//!
//! A record says it of each type and pool of a tenant. Claims note that they ask, each process once a minute; the poller
//! makes the record of what waits though nobody asks. Nothing but what health tells goes by it.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;

use crate::{
    clock::Timestamp,
    ids::{self, Id, Name},
    lifecycle::Task,
    noticed::Noted,
    redact::chain,
    services::Services,
    store::{
        self, Commit, Expect, Record, RecordKey, RecordWrite, Related, Relation, RelationKind, StoreError, Wanted,
    },
};

/// After how long a type that nobody asks for is told of.
const UNATTENDED: Duration = Duration::from_secs(600);

/// For how long that is kept which nobody notes any more: longer than a task waits that nobody comes for.
const KEEP: Duration = Task::PULLED_WITHIN.saturating_add(Duration::from_secs(24 * 3600));

/// How many types are told of: those that were asked for longest ago.
const MOST_TYPES: usize = 100;

/// How many are gone through for those of one tenant, in pages as large.
const MOST_PAGES: usize = 10;

/// How many tasks are counted of each.
const MOST_TASKS: usize = 1_000;

/// Tasks that are due, of a type that no worker has asked for in ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Unattended {
    /// Whose tasks.
    pub tenant: Name,
    /// Of which type.
    pub task_type: Name,
    /// Of which pool; absent: the one of tasks that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// When a worker last asked for them, to the minute; absent if none ever has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// How many are due; 1,000 stands for any more.
    #[serde(default)]
    pub due: usize,
}

/// Notes that a worker asks for these. What is not noted is noted by the next claim: it is none the worse for that.
pub async fn asked(services: &Services, wanted: &Wanted) {
    let now = services.clock.now();
    let all = wanted.types.iter().map(|of| Unattended::of(&wanted.tenant, of, wanted.pool.as_ref(), Some(now)));
    let all: Vec<Unattended> = all.filter(|it| services.noticed.is_news(&it.noted(), now)).collect();
    if all.is_empty() {
        return;
    }
    let records = all.iter().map(|it| it.write(Expect::Any, now)).collect();
    match store::commit(&*services.store, Commit { records, ..Commit::default() }).await {
        Ok(()) => all.iter().for_each(|it| services.noticed.note(it.noted(), now)),
        Err(problem) => warn!(error = %chain(&problem), "it was not noted that workers ask"),
    }
}

/// Notes that these wait. Of those that are pulled it is then known that there are such tasks, though nobody asks.
pub(crate) async fn waiting(services: &Services, tasks: &[Task]) {
    let now = services.clock.now();
    let of = |task: &Task| (task.key.tenant.clone(), task.task_type.clone(), task.pool.clone());
    let all: BTreeSet<_> = tasks.iter().filter(|task| task.is_pulled()).map(of).collect();
    let all = all.iter().map(|(tenant, of, pool)| Unattended::of(tenant, of, pool.as_ref(), None));
    let all: Vec<Unattended> = all.filter(|it| services.noticed.is_news(&it.noted(), now)).collect();
    let noted = all.iter().map(async |it| {
        let records = vec![it.write(Expect::Absent, now)];
        match store::commit(&*services.store, Commit { records, ..Commit::default() }).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => services.noticed.note(it.noted(), now),
            Err(problem) => warn!(error = %chain(&problem), "it was not noted that tasks wait for workers"),
        }
    });
    join_all(noted).await;
}

/// The tasks that are due, of types that no worker has asked for in ten minutes: of `tenant`, or of all.
pub async fn unattended(services: &Services, tenant: Option<&Name>) -> Result<Vec<Unattended>, StoreError> {
    let now = services.clock.now();
    let silent = silent(services, tenant, now).await?;
    let counted = silent.into_iter().map(async |it| {
        let wanted = Wanted { tenant: it.tenant.clone(), types: vec![it.task_type.clone()], pool: it.pool.clone() };
        let due = services.store.ready(&wanted, now, MOST_TASKS).await?.len();
        Ok(Unattended { due, ..it })
    });
    let counted: Result<Vec<Unattended>, StoreError> = join_all(counted).await.into_iter().collect();
    Ok(counted?.into_iter().filter(|it| it.due > 0).collect())
}

/// The types that no worker has asked for in ten minutes, those first that were asked for longest ago.
async fn silent(services: &Services, tenant: Option<&Name>, now: Timestamp) -> Result<Vec<Unattended>, StoreError> {
    let (by, of) = (RelationKind::Parent, all());
    let related = Related { tenant: Name::installation(), kind: kind(), by, of, newest_first: false };
    let (mut silent, mut after) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = services.store.records(&related, after.as_deref(), MOST_TYPES).await?;
        let read = page.items.into_iter().map(|record| serde_json::from_value::<Unattended>(Value::Object(record.doc)));
        for it in read.filter_map(Result::ok) {
            if it.asked_at.is_some_and(|at| now < at + UNATTENDED) {
                return Ok(silent);
            }
            if tenant.is_none_or(|tenant| *tenant == it.tenant) && silent.len() < MOST_TYPES {
                silent.push(it);
            }
        }
        after = page.next;
        if after.is_none() || silent.len() >= MOST_TYPES {
            break;
        }
    }
    Ok(silent)
}

fn kind() -> Name {
    Name::of("attended")
}

/// What they all belong to, in the order in which they were last asked for.
fn all() -> Id {
    Id::from(ids::derived(&["attended"]))
}

impl Unattended {
    fn of(tenant: &Name, task_type: &Name, pool: Option<&Name>, asked_at: Option<Timestamp>) -> Self {
        Self { tenant: tenant.clone(), task_type: task_type.clone(), pool: pool.cloned(), asked_at, due: 0 }
    }

    fn id(&self) -> Id {
        let pool = self.pool.as_ref().map_or("", Name::as_str);
        Id::from(ids::derived(&["attended", self.tenant.as_str(), self.task_type.as_str(), pool]))
    }

    fn noted(&self) -> Noted {
        (self.id(), self.asked_at.is_some())
    }

    fn write(&self, expect: Expect, now: Timestamp) -> RecordWrite {
        let key = RecordKey { tenant: Name::installation(), kind: kind(), id: self.id() };
        let doc = serde_json::to_value(self).ok().and_then(|doc| doc.as_object().cloned()).unwrap_or_default();
        let sort = self.asked_at.unwrap_or_default().to_string();
        let record = Record {
            parent: Some(Relation { of: all(), sort }),
            expires_at: Some(now + KEEP),
            ..Record::new(key, doc, now)
        };
        RecordWrite::Put { record: Box::new(record), expect }
    }
}
