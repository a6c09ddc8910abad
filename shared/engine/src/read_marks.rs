//! Read marks: up to which revision a reader has seen something that changes. Unread is what has changed since.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{self, Id, Name},
    store::{self, Commit, Expect, MAX_TRIES, Record, RecordKey, RecordWrite, Store, StoreError},
};

/// How long a mark is kept after what it is about is last of use to anybody.
const KEEP: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a mark is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    kind: &'static str,
    id: Id,
}

/// A reader, of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Whose reader it is, and whose are the subjects.
    pub tenant: Name,
    /// Who reads: a person, an agent, a view.
    pub id: Id,
}

#[derive(Serialize, Deserialize)]
struct Mark {
    reader_id: Id,
    subject: String,
    subject_id: Id,
    revision: u64,
}

impl Subject {
    /// The task `id` as a subject that is read.
    pub fn task(id: Uuid) -> Self {
        Self { kind: "task", id: id.into() }
    }

    /// A session of agent runs.
    pub fn session(id: Id) -> Self {
        Self { kind: "session", id }
    }
}

/// Whether something of this revision is unread by a reader whose mark stands there, or who has none.
pub fn unread(revision: u64, seen: Option<u64>) -> bool {
    seen.is_none_or(|seen| seen < revision)
}

impl Reader {
    /// Notes that `subject` was seen at `revision`; a mark that is further on stays where it is. Answers with where it
    /// stands now. It is kept for 90 days after `of_use_until`.
    pub async fn mark(
        &self,
        store: &dyn Store,
        subject: &Subject,
        revision: u64,
        (now, of_use_until): (Timestamp, Timestamp),
    ) -> Result<u64, StoreError> {
        let key = self.key(subject);
        for _ in 0..MAX_TRIES {
            let there = store.record(&key).await?;
            let seen = there.as_ref().map(read).transpose()?;
            let lasts = there.as_ref().and_then(|mark| mark.expires_at).is_some_and(|at| at >= of_use_until + KEEP / 2);
            if let Some(seen) = seen.filter(|seen| *seen >= revision && lasts) {
                return Ok(seen);
            }
            let revision = seen.unwrap_or(0).max(revision);
            let mark = Mark {
                reader_id: self.id.clone(),
                subject: subject.kind.to_owned(),
                subject_id: subject.id.clone(),
                revision,
            };
            // A struct of texts and numbers; it always has a JSON object.
            let doc = serde_json::to_value(mark).ok().and_then(|doc| doc.as_object().cloned()).unwrap_or_default();
            let expect = there.map_or(Expect::Absent, |there| Expect::Version(there.version));
            let put = RecordWrite::put(key.clone(), doc, expect, now).expiring(of_use_until + KEEP);
            match store::commit(store, Commit { records: vec![put], ..Commit::default() }).await {
                Ok(()) => return Ok(revision),
                Err(StoreError::Conflict { .. }) => {} // the same reader, elsewhere
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Busy)
    }

    /// Where the marks on these subjects stand, in order: one read of the store.
    pub async fn seen(&self, store: &dyn Store, subjects: &[Subject]) -> Result<Vec<Option<u64>>, StoreError> {
        let keys: Vec<RecordKey> = subjects.iter().map(|subject| self.key(subject)).collect();
        let marks = store.records_at(&keys).await?;
        marks.iter().map(|mark| mark.as_ref().map(read).transpose()).collect()
    }

    fn key(&self, subject: &Subject) -> RecordKey {
        let id = ids::derived(&[self.id.as_str(), subject.kind, subject.id.as_str()]);
        RecordKey { tenant: self.tenant.clone(), kind: Name::of("read_mark"), id: id.into() }
    }
}

fn read(record: &Record) -> Result<u64, StoreError> {
    let mark = Mark::deserialize(serde_json::Value::Object(record.doc.clone()));
    let corrupt =
        |source: serde_json::Error| StoreError::Corrupt { id: record.key.id.to_string(), source: source.into() };
    mark.map(|mark| mark.revision).map_err(corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    fn at(days: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(days * 24 * 3600)
    }

    fn reader(id: &'static str) -> Reader {
        Reader { tenant: Name::default(), id: Id::of(id) }
    }

    async fn mark(store: &MemoryStore, revision: u64, day: u64) -> u64 {
        reader("ada").mark(store, &Subject::task(Uuid::nil()), revision, (at(day), at(day))).await.unwrap()
    }

    #[tokio::test]
    async fn a_mark_never_moves_back() {
        let store = MemoryStore::default();
        assert_eq!([mark(&store, 3, 0).await, mark(&store, 7, 0).await, mark(&store, 5, 0).await], [3, 7, 7]);
        // Nor when it is written anew to last longer.
        assert_eq!(mark(&store, 5, 80).await, 7);
        assert_eq!(reader("ada").seen(&store, &[Subject::task(Uuid::nil())]).await.unwrap(), [Some(7)]);
    }

    #[tokio::test]
    async fn each_reader_has_marks_of_its_own() {
        let store = MemoryStore::default();
        mark(&store, 3, 0).await;
        let (here, other) = (Subject::task(Uuid::nil()), Subject::task(Uuid::max()));
        let both = [here, other];
        assert_eq!(reader("ada").seen(&store, &both).await.unwrap(), [Some(3), None]);
        assert_eq!(reader("bob").seen(&store, &both).await.unwrap(), [None, None]);
        let elsewhere = Reader { tenant: Name::of("elsewhere"), ..reader("ada") };
        assert_eq!(elsewhere.seen(&store, &both).await.unwrap(), [None, None]);
    }

    #[tokio::test]
    async fn a_mark_is_kept_as_long_as_it_is_set_again() {
        let store = MemoryStore::default();
        let record = async || store.record(&reader("ada").key(&Subject::task(Uuid::nil()))).await.unwrap().unwrap();
        mark(&store, 3, 0).await;
        let first = record().await;
        assert_eq!(first.expires_at, Some(at(90)));
        mark(&store, 3, 40).await;
        assert_eq!(record().await, first, "nothing is written for what is known");
        mark(&store, 3, 50).await;
        assert_eq!(record().await.expires_at, Some(at(140)));
    }

    #[test]
    fn unread_is_what_has_changed_since_it_was_seen() {
        assert_eq!([unread(0, None), unread(3, Some(2)), unread(3, Some(3))], [true, true, false]);
    }
}
