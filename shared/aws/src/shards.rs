//! Into how many parts the indexes of the table of tasks are divided.

/// Numbers of parts. DynamoDB takes 1,000 writes a second for one key of an index, so that each part adds as much to what an
/// index can take, and a request to each read of all of it.
///
/// A number may be raised at any time: what was written before lies in parts that are read still, and moves with its next
/// write. It must never be lowered: nobody would look into the parts beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards {
    /// Of what is due, over all tenants.
    pub due: u16,
    /// Of each list of a queue's tasks.
    pub queue: u16,
    /// Of each list of a user's tasks.
    pub user: u16,
}

impl Shards {
    /// The most of each: a page of a list, and a poll, ask as many times.
    pub const MOST: u16 = 1024;
}

/// Enough for 10,000 tasks a second in all, in one queue, or about one user, behind a backlog of ten million too.
impl Default for Shards {
    fn default() -> Self {
        Self { due: 128, queue: 32, user: 16 }
    }
}
