//! The one-machine deployment: the store in a SQLite file.

pub mod sqlite;
