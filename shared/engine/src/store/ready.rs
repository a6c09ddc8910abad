//! Which tasks workers outside may take now.

use crate::{clock::Timestamp, ids::Name, lifecycle::Task};

/// What a worker outside asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose tasks.
    pub tenant: Name,
    /// Of which types; no type twice.
    pub types: Vec<Name>,
    /// Of which pool; `None`: the one of tasks that have none.
    pub pool: Option<Name>,
}

impl Wanted {
    /// The place of `task` among those that a worker may ask for: its priority's [rank](crate::lifecycle::Priority::rank),
    /// and when it may run. `None` if nobody may take it, whenever its time comes.
    pub fn place(task: &Task) -> Option<(u8, Timestamp)> {
        task.run_at().filter(|_| task.is_pulled()).map(|at| (task.priority.rank(), at))
    }

    /// Whether `task` is one of these.
    pub fn has(&self, task: &Task) -> bool {
        task.key.tenant == self.tenant && task.pool == self.pool && self.types.contains(&task.task_type)
    }
}
