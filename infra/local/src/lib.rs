//! Errand on one machine: the store in an SQLite file, the queues in memory, and the functions in one process. Has no
//! rules and no task types of its own.
//!
//! A program of one's own types is one line:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     errand_local::main(errand::Registry::new())
//! }
//! ```

mod command;
pub mod mapping;
mod method;
pub mod metrics;
pub mod options;
pub(crate) mod private;
pub mod running;
mod secret_key;
pub mod server;
pub mod signals;
pub mod sqlite;
pub mod tokens;
mod traces;

pub use command::{LOG_LINES, main, run, run_quietly, run_traced, serve};
