//! Errand on one machine: the store in an SQLite file, the queues in memory, and the functions in one process. Has no
//! rules of its own.

pub mod bench;
pub(crate) mod client;
pub mod demo;
pub mod mapping;
pub mod options;
pub(crate) mod private;
pub mod runner;
pub mod server;
pub mod signals;
pub mod sqlite;
