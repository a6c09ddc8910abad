//! Every minute (every second on one machine): looks after what is due, and leaves word that it did. On AWS it also
//! folds what the relay has counted into the counters, and a new process has the schedules that types carry be as these say.

#[cfg(feature = "lambda")]
mod carried;
#[cfg(feature = "lambda")]
mod count;
#[cfg(feature = "lambda")]
mod run;

use errand::spi::queue::QueueName;

#[cfg(feature = "lambda")]
pub use carried::Carried;
#[cfg(feature = "lambda")]
pub use count::count;
pub use errand::spi::poller::{handle, look};

#[cfg(feature = "lambda")]
pub use run::run;

/// The queues this function uses. It sends hints and dead letters.
pub const QUEUES: &[QueueName] = &QueueName::WORK_AND_DEAD_LETTER;
