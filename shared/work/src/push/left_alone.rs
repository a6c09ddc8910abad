//! Which targets are left alone, for everybody to see: a record of each as long as it is so.
//!
//! The circuit itself is each process's own. What is kept here is what the newest of them that changed has found, and nothing
//! depends on it.

use std::time::Duration;

use errand::{
    Doc, Expect, Id, Name, Patch, Relation, Services, StoreError, Timestamp,
    spi::{
        ids,
        redact::chain,
        registry::LeftAlone,
        store::{self, Commit, Record, RecordKey, RecordWrite, Related, RelationKind},
    },
};
use serde_json::Value;
use tracing::{info, warn};

use super::circuit::CircuitNews;

/// How long after its end it is believed that a target is left alone still: as long as the call may take that shows how it is.
/// A process that has ended tells nobody that it called again.
const BELIEVED: Duration = Duration::from_secs(900);

/// The most of them that are told.
const TOLD: usize = 100;

fn kind() -> Name {
    Name::of("circuit")
}

fn key(of: &RecordKey) -> RecordKey {
    let id = Id::from(ids::derived(&["circuit", of.tenant.as_str(), of.id.as_str()]));
    RecordKey { tenant: Name::installation(), kind: kind(), id }
}

/// What all of them lead from, or all of one tenant.
fn all() -> Id {
    Id::from(ids::derived(&["left alone"]))
}

fn of_tenant(tenant: &Name) -> Id {
    Id::from(ids::derived(&["left alone", tenant.as_str()]))
}

/// Keeps what there is to tell of the target of the type at `of`. If that fails, nothing else does.
pub(super) async fn tell(services: &Services, of: &RecordKey, news: CircuitNews) {
    let now = services.clock.now();
    let write = match news {
        CircuitNews::LeftAlone { since, until } => {
            info!(task.type = %of.id, tenant = %of.tenant, %until, "a target is left alone for a while");
            left(of, (since, until), now)
        }
        CircuitNews::Called => {
            info!(task.type = %of.id, tenant = %of.tenant, "a target that was left alone is called again");
            called(of, now)
        }
    };
    match store::commit(&*services.store, Commit { records: vec![write], ..Commit::default() }).await {
        Ok(()) | Err(StoreError::Conflict { .. }) => {}
        Err(problem) => warn!(error = %chain(&problem), "it was not noted that a target is left alone, or no more"),
    }
}

fn left(of: &RecordKey, (since, until): (Timestamp, Timestamp), now: Timestamp) -> RecordWrite {
    let says =
        LeftAlone { tenant: of.tenant.clone(), task_type: Name::new(of.id.as_str()).unwrap_or_default(), since, until };
    let doc = match serde_json::to_value(&says) {
        Ok(Value::Object(doc)) => doc,
        _ => Doc::new(),
    };
    let leads_from = |of| Some(Relation { of, sort: format!("{:015}", since.as_millis()) });
    let record = Record {
        parent: leads_from(of_tenant(&of.tenant)),
        owner: leads_from(all()),
        expires_at: Some(until + BELIEVED),
        ..Record::new(key(of), doc, now)
    };
    RecordWrite::Put { record: Box::new(record), expect: Expect::Any }
}

fn called(of: &RecordKey, now: Timestamp) -> RecordWrite {
    let patch = Patch { parent: Some(None), owner: Some(None), expires_at: Some(now), ..Patch::default() };
    RecordWrite::Patch { key: key(of), patch: Box::new(patch), expect: Expect::Any, version: ids::fresh(), at: now }
}

/// The targets that are left alone: of the types that `tenant` has, or of all; those first that are longest.
pub(crate) async fn left_alone(services: &Services, tenant: Option<&Name>) -> Result<Vec<LeftAlone>, StoreError> {
    let Some(tenant) = tenant else { return read(services, RelationKind::Owner, all()).await };
    let mut found = read(services, RelationKind::Parent, of_tenant(tenant)).await?;
    found.extend(read(services, RelationKind::Parent, of_tenant(&Name::installation())).await?);
    Ok(found)
}

async fn read(services: &Services, by: RelationKind, of: Id) -> Result<Vec<LeftAlone>, StoreError> {
    let related = Related { tenant: Name::installation(), kind: kind(), by, of, newest_first: false };
    let (page, now) = (services.store.records(&related, None, TOLD).await?, services.clock.now());
    // What is believed no more may be there for a while.
    let kept = page.items.into_iter().filter(|record| record.expires_at.is_none_or(|at| now < at));
    Ok(kept.filter_map(|record| serde_json::from_value(Value::Object(record.doc)).ok()).collect())
}
