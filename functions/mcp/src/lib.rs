//! The tools of agents: `POST /mcp`, and what tells whose tokens it takes.

#[cfg(feature = "lambda")]
mod run;
#[cfg(feature = "lambda")]
mod settings;

use errand::spi::queue::QueueName;

#[cfg(feature = "lambda")]
pub use run::run;
#[cfg(feature = "lambda")]
pub use settings::read;

/// The queues this function uses. It sends hints.
pub const QUEUES: &[QueueName] = &QueueName::WORK;
