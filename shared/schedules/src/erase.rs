//! The schedules of tasks about a user, which go with all that is the user's.

use errand::{
    App, Entity, Expect, Id, Name, StoreError, Stored,
    spi::{
        records::key_of,
        store::{self, Commit, RecordWrite, Related, RelationKind},
    },
};

use crate::schedule::{Schedule, ScheduledPayload, all};

/// How many are read at a time.
const PAGE: usize = 100;

/// Removes every schedule of `tenant` whose tasks are about `user`, at once and with their payload; how many. What a task type
/// carries is about nobody.
pub async fn remove_about(app: &App, tenant: &Name, user: &Id) -> Result<usize, StoreError> {
    let (kind, by, of) = (Schedule::kind(), RelationKind::Parent, all());
    let related = Related { tenant: tenant.clone(), kind, by, of, newest_first: false };
    let (mut removed, mut after) = (0, None);
    loop {
        let page = app.store.records(&related, after.as_deref(), PAGE).await?;
        for record in page.items {
            let schedule = Stored::<Schedule>::read(record)?;
            if schedule.value.task.user_id.as_ref() == Some(user) {
                let key = key_of::<Schedule>(tenant, &schedule.id);
                let payload = key_of::<ScheduledPayload>(tenant, &schedule.id);
                let records = [key, payload].map(|key| RecordWrite::Delete { key, expect: Expect::Any }).into();
                store::commit(&*app.store, Commit { records, ..Commit::default() }).await?;
                removed += 1;
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(removed);
        }
    }
}
