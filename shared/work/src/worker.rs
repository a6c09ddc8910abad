//! Workers outside, as they tell of themselves: for people who look, nothing depends on it.

use errand::{Doc, Entity, Id, Name, Relations, Timestamp, parent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::task_type::all;

/// Whether a worker takes tasks, or has been told to take no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// It takes tasks.
    #[default]
    Run,
    /// It ends those that it has, and takes no more.
    Drain,
}

/// A worker outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Worker {
    /// The types whose tasks it takes.
    #[serde(default)]
    pub task_types: Vec<Name>,
    /// The pool that it takes them from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// How many tasks it does at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// Which version of its program it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What else it says of itself.
    #[serde(default)]
    pub metadata: Doc,
    /// What it is told to do.
    #[serde(default)]
    pub state: WorkerState,
    /// When it said so first.
    pub registered_at: Timestamp,
    /// When it said so last.
    pub last_seen_at: Timestamp,
}

impl Entity for Worker {
    const KIND: &'static str = "worker";

    fn relations(&self, place: &str) -> Relations {
        parent(&all(), place)
    }
}

/// Where the worker `id` is kept.
pub(crate) fn key(tenant: &Name, id: &Id) -> errand::spi::store::RecordKey {
    errand::spi::records::key_of::<Worker>(tenant, id)
}
