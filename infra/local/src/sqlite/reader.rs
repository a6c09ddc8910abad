//! A thread that reads on a connection of its own, so that the runtime never waits for the disk.
//!
//! Whoever asks may leave: a client that hung up, a read that has taken too long, a process told to end. Their question
//! is then passed over, or broken off if it is the one in hand.

use std::{
    ffi::c_int,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use anyhow::anyhow;
use errand::StoreError;
use rusqlite::{Connection, ErrorCode};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{Joined, OpenError};

/// How many questions may wait; whoever has another waits to hand it in.
const WAITING_QUESTIONS: usize = 4096;

/// How many questions share one view of the file: asking for a view costs as much as reading a row.
const GROUP_QUESTIONS: usize = 64;

/// After how many of SQLite's steps it is looked whether an answer is still wanted: well under a millisecond's work.
const STEPS: c_int = 10_000;

/// What is asked, and who asks: dead once nobody waits for the answer.
struct Question {
    asker: Weak<()>,
    ask: Box<dyn FnOnce(&Connection) + Send>,
}

/// Who has asked the question in hand, if there is one.
#[derive(Clone, Default)]
struct InHand(Arc<Mutex<Option<Weak<()>>>>);

/// The thread, and the way to ask it. Once this is dropped the thread answers what waits, and ends.
pub(super) struct Reader {
    questions: mpsc::Sender<Question>,
    within: Duration,
    _thread: Joined,
}

impl Reader {
    /// Starts the thread. No read takes longer than `within`.
    pub(super) fn start(name: &str, mut db: Connection, within: Duration) -> Result<Self, OpenError> {
        let (questions, asked) = mpsc::channel(WAITING_QUESTIONS);
        let in_hand = InHand::default();
        let watched = in_hand.clone();
        // A connection refuses this only if it belongs to somebody else.
        let watch = db.progress_handler(STEPS, Some(move || watched.is_left()));
        watch.map_err(|error| OpenError::Thread(std::io::Error::other(error)))?;
        let _thread = Joined::start(name, move || read(&db, asked, &in_hand))?;
        Ok(Self { questions, within, _thread })
    }

    /// Answers `question`. It sees every transaction that was answered before it was asked.
    pub(super) async fn read<T, Q>(&self, question: Q) -> Result<T, StoreError>
    where
        Q: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        // Dropped with this future, however that ends.
        let asker = Arc::new(());
        let (reply, answer) = oneshot::channel();
        let ended = || StoreError::Unavailable(anyhow!("a thread that reads has ended"));
        let ask = Box::new(move |db: &Connection| drop(reply.send(question(db))));
        let question = Question { asker: Arc::downgrade(&asker), ask };
        let answered = timeout(self.within, async {
            self.questions.send(question).await.map_err(|_| ended())?;
            answer.await.map_err(|_| ended())?
        });
        let late = |_| StoreError::Unavailable(anyhow!("a read took longer than {:?}", self.within));
        answered.await.map_err(late)?
    }
}

impl Question {
    fn is_left(asker: &Weak<()>) -> bool {
        asker.strong_count() == 0
    }
}

impl InHand {
    fn is(&self, asker: Option<Weak<()>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = asker;
    }

    fn is_left(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Question::is_left)
    }
}

/// What a failed query means to whoever asked.
pub(super) fn failed(why: rusqlite::Error) -> StoreError {
    match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Unavailable(anyhow::Error::new(why)),
    }
}

fn read(db: &Connection, mut questions: mpsc::Receiver<Question>, in_hand: &InHand) {
    while let Some(first) = questions.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP_QUESTIONS
            && let Ok(question) = questions.try_recv()
        {
            group.push(question);
        }
        // The view is taken only now that all of them have been asked. Without one each statement takes its own.
        let view = if group.len() > 1 { db.unchecked_transaction().ok() } else { None };
        for Question { asker, ask } in group {
            if !Question::is_left(&asker) {
                in_hand.is(Some(asker));
                ask(db);
                in_hand.is(None);
            }
        }
        drop(view);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        mem::ManuallyDrop,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    /// How long what hangs is waited for.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Never dropped: one that hangs would hang the test, which is to fail.
    fn reader(within: Duration) -> ManuallyDrop<Reader> {
        let reader = Reader::start("test", Connection::open_in_memory().unwrap(), within);
        ManuallyDrop::new(reader.unwrap())
    }

    /// Never ends by itself.
    fn endless(db: &Connection) -> Result<i64, StoreError> {
        let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n";
        db.query_row(sql, [], |row| row.get(0)).map_err(failed)
    }

    #[tokio::test]
    async fn a_read_that_takes_too_long_is_broken_off_and_the_next_one_answered() {
        let reader = reader(Duration::from_millis(20));
        let answer = timeout(PATIENCE, reader.read(endless)).await.unwrap();
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        // As often as it takes: the bound is for how long an answer is waited for, too.
        let next = async {
            loop {
                if let Ok(answer) = reader.read(|_| Ok(7)).await {
                    return answer;
                }
            }
        };
        assert_eq!(timeout(PATIENCE, next).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn who_hangs_up_keeps_nobody_waiting() {
        let reader = reader(PATIENCE * 2);
        let (begun, began) = oneshot::channel();
        let asked = reader.read(move |db| {
            begun.send(()).unwrap();
            endless(db)
        });
        tokio::select! {
            _ = asked => unreachable!(),
            begun = began => begun.unwrap(),
        }
        assert_eq!(timeout(PATIENCE, reader.read(|_| Ok(7))).await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn a_question_whose_asker_has_left_is_never_begun() {
        let reader = reader(PATIENCE);
        let begun = Arc::new(AtomicU32::new(0));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = reader.read(move |_| {
            wait.recv().unwrap();
            Ok(())
        });
        let others = [(); 3].map(|()| {
            let begun = begun.clone();
            reader.read(move |_| Ok(begun.fetch_add(1, Ordering::Relaxed)))
        });
        let [mut left, mut stayed, _never_asked] = others.map(Box::pin);
        let mut first = Box::pin(first);
        // Polled once each: handed in.
        for future in [futures::poll!(&mut first).is_pending(), futures::poll!(&mut left).is_pending()] {
            assert!(future);
        }
        assert!(futures::poll!(&mut stayed).is_pending());
        drop(left);
        go.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(stayed.await.unwrap(), 0, "it is the first that was begun");
    }

    #[test]
    fn a_reader_ends_though_somebody_who_left_has_asked_for_much() {
        let (ended, end) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let reader = ManuallyDrop::into_inner(reader(PATIENCE * 2));
                for _ in 0..3 {
                    assert!(futures::poll!(Box::pin(reader.read(endless))).is_pending());
                }
            });
            ended.send(()).unwrap();
        });
        end.recv_timeout(PATIENCE).unwrap();
    }
}
