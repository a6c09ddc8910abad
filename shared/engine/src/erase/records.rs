//! The records that are declared to be a user's, and what belongs to these.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;

use super::RECORDS;
use crate::{
    app::App,
    ids::{Id, Name},
    store::{self, Commit, Expect, RecordKey, RecordWrite, Related, RelationKind, StoreError},
};

/// How far down it is followed what belongs to what.
const DEPTH: usize = 8;

/// Removes records of `user`, of the kinds that are written from outside: those that have the user as owner or parent, or for
/// an id; and before each what has it as parent. At most 90; how many of each kind, and none once there are none.
pub async fn erase_records(app: &App, tenant: &Name, user: &Id) -> Result<BTreeMap<Name, usize>, StoreError> {
    let kinds: Vec<Name> = app.types.written_kinds().cloned().collect();
    let of_users: Vec<Name> = app.types.kinds_of_users().cloned().collect();
    let mut found = Found { app, tenant, kinds: &kinds, keys: Vec::new(), seen: BTreeSet::new() };
    for by in [RelationKind::Owner, RelationKind::Parent] {
        found.below(user, by, &of_users, 0).await?;
    }
    if !found.is_full() {
        let own: Vec<RecordKey> = kinds.iter().map(|kind| found.key(kind.clone(), user.clone())).collect();
        let there = app.store.records_at(&own).await?.into_iter().flatten();
        let there: Vec<RecordKey> = there.map(|record| record.key).filter(|key| !found.seen.contains(key)).collect();
        found.keys.extend(there);
    }
    let mut counts = BTreeMap::new();
    for key in &found.keys {
        *counts.entry(key.kind.clone()).or_default() += 1;
    }
    for some in found.keys.chunks(RECORDS) {
        let records = some.iter().map(|key| RecordWrite::Delete { key: key.clone(), expect: Expect::Any }).collect();
        store::commit(&*app.store, Commit { records, ..Commit::default() }).await?;
    }
    Ok(counts)
}

/// What was found so far: each after all that belongs to it.
struct Found<'a> {
    app: &'a App,
    tenant: &'a Name,
    kinds: &'a [Name],
    keys: Vec<RecordKey>,
    seen: BTreeSet<RecordKey>,
}

impl Found<'_> {
    fn is_full(&self) -> bool {
        self.keys.len() >= RECORDS
    }

    fn key(&self, kind: Name, id: Id) -> RecordKey {
        RecordKey { tenant: self.tenant.clone(), kind, id }
    }

    /// Adds what has `of` as its owner or parent, of these kinds, until there is enough for one commit.
    fn below<'f>(
        &'f mut self,
        of: &'f Id,
        by: RelationKind,
        kinds: &'f [Name],
        depth: usize,
    ) -> BoxFuture<'f, Result<(), StoreError>> {
        Box::pin(async move {
            for kind in kinds {
                let (tenant, kind) = (self.tenant.clone(), kind.clone());
                let related = Related { tenant, kind, by, of: of.clone(), newest_first: false };
                let mut after = None;
                while !self.is_full() {
                    let page = self.app.store.records(&related, after.as_deref(), RECORDS).await?;
                    for record in page.items {
                        // Records that belong to each other in a circle are each looked at once.
                        if self.is_full() || !self.seen.insert(record.key.clone()) {
                            continue;
                        }
                        if depth < DEPTH {
                            self.below(&record.key.id, RelationKind::Parent, self.kinds, depth + 1).await?;
                        }
                        // Only what has nothing left below it: else that would not be found again.
                        if !self.is_full() {
                            self.keys.push(record.key);
                        }
                    }
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
            Ok(())
        })
    }
}
