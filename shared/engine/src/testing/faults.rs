//! What goes wrong on command: at the nth call that a process makes of its store and its queues.

use std::{
    collections::BTreeMap,
    future::{self, Future},
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Poll, Waker},
};

use tokio::sync::Notify;

use crate::{
    app::App,
    services::Services,
    testing::faulty::{FaultyQueue, FaultyStore},
};

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process ends before the call.
    CrashBefore,
    /// The call happens, and the process ends before it hears of that.
    CrashAfter,
    /// The call does not happen, and says so.
    Unavailable,
    /// The call happens, and says it did not.
    LostAnswer,
    /// The call does not happen: too much at once. (A queue is unavailable then.)
    Busy,
}

impl Fault {
    /// All faults there are.
    pub const ALL: [Fault; 5] =
        [Fault::CrashBefore, Fault::CrashAfter, Fault::Unavailable, Fault::LostAnswer, Fault::Busy];
}

/// The faults of one process, and what it has called. Its calls of the store and of the queues are counted together,
/// from 0.
///
/// A call at which the process crashes never returns: whoever drives the process asks [`Faults::crashed`] whenever it
/// waits, and drops it then.
///
/// ```
/// # use errand::{Registry, testing::{Fault, Faults, Sandbox}};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sandbox = Sandbox::new(Registry::new());
/// let faults = Faults::at(1, Fault::Unavailable);
/// let app = faults.around(sandbox.app());
/// assert!(app.store.check().await.is_ok());
/// assert!(app.queue.check().await.is_err());
/// assert_eq!(faults.calls(), 2);
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Faults {
    calls: AtomicUsize,
    reads: AtomicUsize,
    crashed: AtomicBool,
    crashed_at: Mutex<Option<&'static str>>,
    ended: Notify,
    stepping: bool,
    waiting: Mutex<Vec<Waker>>,
    plan: Mutex<BTreeMap<usize, Fault>>,
    pub(super) hidden: Option<&'static str>,
}

impl Faults {
    /// `fault` at the `nth` call.
    pub fn at(nth: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { plan: Mutex::new([(nth, fault)].into()), ..Self::default() })
    }

    /// `fault` at each of these calls.
    pub fn during(calls: Range<usize>, fault: Fault) -> Arc<Self> {
        Arc::new(Self { plan: Mutex::new(calls.map(|nth| (nth, fault)).collect()), ..Self::default() })
    }

    /// No record of this kind can be read by its key.
    pub fn hiding(kind: &'static str) -> Arc<Self> {
        Arc::new(Self { hidden: Some(kind), ..Self::default() })
    }

    /// No faults: what is called is counted.
    pub fn none() -> Arc<Self> {
        Arc::default()
    }

    /// No faults; but every call waits for [`Faults::go`] before it happens, so that others may come in between.
    pub fn stepping() -> Arc<Self> {
        Arc::new(Self { stepping: true, ..Self::default() })
    }

    /// Lets the calls that wait now happen when the process is polled next.
    pub fn go(&self) {
        lock(&self.waiting).drain(..).for_each(Waker::wake);
    }

    /// `fault` at the next call.
    pub fn next(&self, fault: Fault) {
        self.plan(self.calls(), fault);
    }

    /// `fault` at the `nth` call, too.
    pub fn plan(&self, nth: usize, fault: Fault) {
        lock(&self.plan).insert(nth, fault);
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    /// How many tasks, records and lists were read.
    pub fn reads(&self) -> usize {
        self.reads.load(SeqCst)
    }

    /// Whether the process has ended: whoever drives it must drop it.
    pub fn crashed(&self) -> bool {
        self.crashed.load(SeqCst)
    }

    /// The name of the call at which it ended, such as `store.commit`.
    pub fn crashed_at(&self) -> Option<&'static str> {
        *lock(&self.crashed_at)
    }

    /// Returns, once, when the process has ended.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// A process like `app`'s with these faults.
    pub fn around(self: &Arc<Self>, app: &App) -> App {
        let store = Arc::new(FaultyStore { inner: app.store.clone(), faults: self.clone() });
        let queue = Arc::new(FaultyQueue { inner: app.queue.clone(), faults: self.clone() });
        app.over(Services { store, queue, ..app.services.clone() })
    }

    /// Makes `call`, or has go wrong what is planned for it; where it answers that, `refuse` says how. For services of
    /// your own: those of an [`App`] ask it themselves.
    pub async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = T>,
        refuse: impl FnOnce(Fault) -> T,
    ) -> T {
        if self.stepping {
            self.wait_for_go().await;
        }
        let nth = self.calls.fetch_add(1, SeqCst);
        let fault = lock(&self.plan).remove(&nth);
        match fault {
            None => call.await,
            Some(Fault::CrashBefore) => self.crash(name).await,
            Some(Fault::CrashAfter) => {
                call.await;
                self.crash(name).await
            }
            Some(fault @ Fault::LostAnswer) => {
                call.await;
                refuse(fault)
            }
            Some(fault @ (Fault::Unavailable | Fault::Busy)) => refuse(fault),
        }
    }

    pub(super) async fn read<T>(
        &self,
        name: &'static str,
        items: usize,
        call: impl Future<Output = T>,
        refuse: impl FnOnce(Fault) -> T,
    ) -> T {
        self.reads.fetch_add(items, SeqCst);
        self.call(name, call, refuse).await
    }

    async fn wait_for_go(&self) {
        let mut waited = false;
        future::poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            lock(&self.waiting).push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn crash<T>(&self, at: &'static str) -> T {
        *lock(&self.crashed_at) = Some(at);
        self.crashed.store(true, SeqCst);
        self.ended.notify_one();
        future::pending().await
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
