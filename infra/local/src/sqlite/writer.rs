//! The thread that writes: everything waiting when a transaction starts rides in it, and is answered once it is durable.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::anyhow;
use errand::{StoreError, spi::store::Retention};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Joined, OpenError, changes::Tables, measured::Transactions};

/// How many jobs may wait; whoever has another waits to hand it in.
const WAITING_JOBS: usize = 4096;

/// How many tasks and commits ride in one transaction, give or take one job: the later ones' answers wait for the
/// earlier ones' work, some 10 µs each.
const GROUP_ITEMS: usize = 1000;

/// The thread, and the way to hand it jobs. Once this is dropped the thread does what waits, and ends.
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    last: Last,
    changed: watch::Receiver<()>,
    _thread: Joined,
}

/// Why the last transaction that was to change something came to nothing, if it did.
#[derive(Clone, Default)]
struct Last(Arc<Mutex<Option<RolledBack>>>);

/// Why a transaction came to nothing: the same for every job that rode in it.
#[derive(Clone, Debug)]
struct RolledBack(Arc<rusqlite::Error>);

/// Something to do in a transaction.
trait Job: Send {
    /// How many tasks and commits it writes.
    fn items(&self) -> usize;
    /// Does it, and keeps the answer.
    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<()>;
    /// Sends the answer, now that the transaction has ended.
    fn answer(self: Box<Self>, ended: Result<(), RolledBack>);
}

struct Work<W, T> {
    items: usize,
    work: W,
    done: Option<T>,
    reply: oneshot::Sender<(Result<T, StoreError>, W)>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        db: Connection,
        retention: Retention,
        measured: Option<Transactions>,
    ) -> Result<Self, OpenError> {
        let (jobs, handed_in) = mpsc::channel(WAITING_JOBS);
        let last = Last::default();
        let (tell, changed) = watch::channel(());
        let ended = Ended { last: last.clone(), tell, measured };
        let _thread = Joined::start("errand-writer", move || write(&db, retention, handed_in, &ended))?;
        Ok(Self { jobs, last, changed, _thread })
    }

    /// How the last transaction ended that was to change something.
    pub(super) fn last(&self) -> Result<(), StoreError> {
        let last = self.last.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone().map_or(Ok(()), |why| Err(why.into()))
    }

    /// Changes with every transaction that changed something.
    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.clone()
    }

    /// Does `work` in the next transaction; `items` is how many tasks and commits it writes. Its
    /// answer is that of a transaction that was made durable.
    pub(super) async fn write<W, T>(&self, items: usize, work: W) -> Result<T, StoreError>
    where
        W: FnMut(&mut Tables<'_>) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let ended = || StoreError::Unavailable(anyhow!("the thread that writes has ended"));
        self.jobs.send(Box::new(Work { items, work, done: None, reply })).await.map_err(|_| ended())?;
        // The work comes back to be dropped here: the writing thread has better things to do.
        answer.await.map_err(|_| ended())?.0
    }
}

impl<W, T> Job for Work<W, T>
where
    W: FnMut(&mut Tables<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn items(&self) -> usize {
        self.items
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<()> {
        self.done = Some((self.work)(tables)?);
        Ok(())
    }

    fn answer(self: Box<Self>, ended: Result<(), RolledBack>) {
        let answer = match (ended, self.done) {
            (Ok(()), Some(done)) => Ok(done),
            (Ok(()), None) => Err(StoreError::Unavailable(anyhow!("the work was not done"))),
            (Err(why), _) => Err(why.into()),
        };
        // Nobody waits any longer: whoever asked was cancelled, the work is done all the same.
        let _ = self.reply.send((answer, self.work));
    }
}

impl From<RolledBack> for StoreError {
    fn from(RolledBack(why): RolledBack) -> Self {
        match why.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
            _ => StoreError::Unavailable(anyhow::Error::new(why)),
        }
    }
}

impl Last {
    /// Notes how a transaction ended. One that had nothing to change shows nothing: it writes nothing.
    fn note(&self, ended: &Result<(), RolledBack>, changed: bool) {
        if changed || ended.is_err() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ended.clone().err();
        }
    }
}

/// What is noted of a transaction that has ended.
struct Ended {
    last: Last,
    tell: watch::Sender<()>,
    measured: Option<Transactions>,
}

impl Ended {
    fn note(&self, ended: &Result<(), RolledBack>, changed: bool) {
        self.last.note(ended, changed);
        if changed && ended.is_ok() {
            self.tell.send_replace(());
        }
    }
}

fn write(db: &Connection, retention: Retention, mut jobs: mpsc::Receiver<Box<dyn Job>>, ended: &Ended) {
    let mut tables = match Tables::prepare(db, retention) {
        Ok(tables) => tables,
        Err(why) => {
            // Every call is then answered "the thread has ended"; here is the reason.
            return tracing::error!(error = %why, "the database file cannot be written");
        }
    };
    while let Some(first) = jobs.blocking_recv() {
        ride(&mut tables, group(first, &mut jobs), ended);
    }
}

/// What waits, up to [`GROUP_ITEMS`].
fn group(first: Box<dyn Job>, jobs: &mut mpsc::Receiver<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
    let mut items = first.items();
    let mut group = vec![first];
    while items < GROUP_ITEMS
        && let Ok(job) = jobs.try_recv()
    {
        items += job.items();
        group.push(job);
    }
    group
}

/// Does the group's jobs in one transaction and answers them.
fn ride(tables: &mut Tables<'_>, mut group: Vec<Box<dyn Job>>, note: &Ended) {
    let (before, begun) = (tables.db.total_changes(), Instant::now());
    let ended = transaction(tables, &mut group).map_err(|why| {
        tables.counts.forget();
        tables.told.forget();
        tracing::error!(error = %why, jobs = group.len(), "a transaction was rolled back");
        RolledBack(Arc::new(why))
    });
    let changed = tables.db.total_changes() != before;
    note.note(&ended, changed);
    if let Some(measured) = note.measured.as_ref().filter(|_| changed || ended.is_err()) {
        measured.note(ended.is_ok(), group.iter().map(|job| job.items()).sum(), begun.elapsed());
    }
    for job in group {
        job.answer(ended.clone());
    }
}

fn transaction(tables: &mut Tables<'_>, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let db = tables.db;
    db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = group
        .iter_mut()
        .try_for_each(|job| job.run(tables))
        .and_then(|()| tables.counts.write(db))
        .and_then(|()| tables.told.write())
        .and_then(|()| db.prepare_cached("COMMIT")?.execute([]).map(drop));
    if done.is_err() && !db.is_autocommit() {
        // SQLite has rolled back by itself after some errors; if this fails too, the next BEGIN says so.
        let _ = db.execute_batch("ROLLBACK");
    }
    done
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sqlite::{SqliteSettings, schema};

    type Answer = oneshot::Receiver<(Result<usize, StoreError>, fn(&mut Tables<'_>) -> rusqlite::Result<usize>)>;

    fn job(items: usize, work: fn(&mut Tables<'_>) -> rusqlite::Result<usize>) -> (Box<dyn Job>, Answer) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Work { items, work, done: None, reply }), answer)
    }

    fn add_queue(tables: &mut Tables<'_>) -> rusqlite::Result<usize> {
        tables.db.execute("INSERT INTO queues (tenant, project, queue) VALUES ('t', 'p', hex(randomblob(8)))", [])
    }

    /// What each job is answered, and how many queues there are afterwards.
    fn answers(work: &[fn(&mut Tables<'_>) -> rusqlite::Result<usize>]) -> (Vec<Result<usize, StoreError>>, i64) {
        let db = schema::open_writer(Path::new(":memory:"), &SqliteSettings::default()).unwrap();
        let mut tables = Tables::prepare(&db, Retention::default()).unwrap();
        let (jobs, answers): (Vec<_>, Vec<_>) = work.iter().map(|work| job(1, *work)).unzip();
        ride(&mut tables, jobs, &Ended { last: Last::default(), tell: watch::channel(()).0, measured: None });
        let answers = answers.into_iter().map(|mut answer| answer.try_recv().unwrap().0).collect();
        (answers, db.query_row("SELECT count(*) FROM queues", [], |row| row.get(0)).unwrap())
    }

    #[test]
    fn jobs_of_a_group_are_each_answered() {
        let (answers, queues) = answers(&[add_queue, |_| Ok(7), add_queue]);
        assert!(matches!(answers.as_slice(), [Ok(1), Ok(7), Ok(1)]), "{answers:?}");
        assert_eq!(queues, 2);
    }

    #[test]
    fn no_job_of_a_group_is_done_when_one_meets_a_failing_file() {
        let (answers, queues) = answers(&[add_queue, |_| Err(rusqlite::Error::InvalidQuery), add_queue]);
        assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "{answers:?}");
        assert_eq!(queues, 0);
    }

    #[test]
    fn a_file_that_another_process_holds_is_busy() {
        let held = |_: &mut Tables<'_>| {
            Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None))
        };
        assert!(matches!(answers(&[held]).0.as_slice(), [Err(StoreError::Busy)]));
    }

    #[test]
    fn a_group_takes_what_waits_up_to_its_limit() {
        let (sender, mut jobs) = mpsc::channel(9);
        for items in [300, 600, 600, 1] {
            assert!(sender.try_send(job(items, |_| Ok(0)).0).is_ok());
        }
        let mut next = || group(jobs.try_recv().unwrap(), &mut jobs).len();
        assert_eq!((next(), next()), (3, 1));
    }

    #[tokio::test]
    async fn a_file_that_took_no_write_is_known_to_take_none_until_it_takes_one() {
        let db = schema::open_writer(Path::new(":memory:"), &SqliteSettings::default()).unwrap();
        let writer = Writer::start(db, Retention::default(), None).unwrap();
        let room = |pages: i64| {
            // No less than there are already.
            move |tables: &mut Tables<'_>| tables.db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        };
        let fill =
            |tables: &mut Tables<'_>| tables.db.execute("INSERT INTO payloads VALUES (1, zeroblob(99999) || '')", []);
        writer.write(1, room(1)).await.unwrap();
        assert!(writer.last().is_ok());
        writer.write(1, fill).await.unwrap_err();
        assert!(matches!(writer.last(), Err(StoreError::Unavailable(_))));
        // What changes nothing shows nothing.
        writer.write(1, |_| Ok(())).await.unwrap();
        assert!(writer.last().is_err());
        writer.write(1, room(9999)).await.unwrap();
        writer.write(1, fill).await.unwrap();
        assert!(writer.last().is_ok());
    }
}
