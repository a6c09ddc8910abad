//! A thread that reads on a connection of its own, so that the runtime never waits for the disk.

use anyhow::anyhow;
use rusqlite::{Connection, ErrorCode};
use shared::store::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::{Joined, OpenError};

/// How many questions may wait; whoever has another waits to hand it in.
const WAITING_QUESTIONS: usize = 4096;

/// How many questions share one view of the file: asking for a view costs as much as reading a row.
const GROUP_QUESTIONS: usize = 64;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The thread, and the way to ask it. Once this is dropped the thread answers what waits, and ends.
pub(super) struct Reader {
    questions: mpsc::Sender<Question>,
    _thread: Joined,
}

impl Reader {
    /// Starts the thread.
    pub(super) fn start(name: &str, db: Connection) -> Result<Self, OpenError> {
        let (questions, asked) = mpsc::channel(WAITING_QUESTIONS);
        let _thread = Joined::start(name, move || read(&db, asked))?;
        Ok(Self { questions, _thread })
    }

    /// Answers `question`. It sees every transaction that was answered before it was asked.
    pub(super) async fn read<T, Q>(&self, question: Q) -> Result<T, StoreError>
    where
        Q: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let ended = || StoreError::Unavailable(anyhow!("a thread that reads has ended"));
        let ask: Question = Box::new(move |db| {
            // Nobody waits any longer: whoever asked was cancelled.
            let _ = reply.send(question(db));
        });
        self.questions.send(ask).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

/// What a failed query means to whoever asked.
pub(super) fn failed(why: rusqlite::Error) -> StoreError {
    match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Unavailable(anyhow::Error::new(why)),
    }
}

fn read(db: &Connection, mut questions: mpsc::Receiver<Question>) {
    while let Some(first) = questions.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP_QUESTIONS
            && let Ok(question) = questions.try_recv()
        {
            group.push(question);
        }
        // The view is taken only now that all of them have been asked. Without one each statement takes its own.
        let view = if group.len() > 1 { db.unchecked_transaction().ok() } else { None };
        for question in group {
            question(db);
        }
        drop(view);
    }
}
