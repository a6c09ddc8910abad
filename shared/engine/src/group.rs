//! Groups: tasks that belong together, and whose common end others wait for.
//!
//! A group is a record, its root, and one record for each hundred members, a part. **Both are caches of what the members'
//! tasks say**: nothing is counted up or down that could drift. After a member's end is committed, its place in its part is
//! marked; who marks the last place tells the root; who tells the root of the last part reads all parts again, and closes
//! the root if that has not changed since. Each is one write of one record, and each may be made twice. What a crash leaves
//! behind is found by a look: an open root has a `wake_at`, and so has who waits. What the order of these writes rests on is
//! shown by the model in `tests/model`.

mod add;
mod after;
mod close;
mod look;
mod make;
mod mark;
mod over;
mod part;
mod policy;
#[cfg(test)]
mod race_test;
mod root;
mod sweep;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use add::add;
pub(crate) use after::{before, expect, expected};
pub(crate) use close::{call_off, called_off, redriven};
pub(crate) use look::look;
pub(crate) use make::make_root;
pub use make::{Announce, GroupCallback, MAX_MEMBERS, Maker, MakerStep, Making, NotMade};
pub(crate) use mark::{after, told};
pub(crate) use over::{is_called_off, wait_over};
pub(crate) use part::GROUP_PART;
pub use policy::{GroupPolicy, On};
pub(crate) use root::key;
pub use root::{GROUP, GroupStatus, GroupWaiter};
pub(crate) use sweep::{AT_ONCE as SWEPT_AT_ONCE, calls_off};
pub use view::{Group, counted, find, list, members};

use crate::{ids::TaskKey, lifecycle::Trigger};

/// What is to happen to another task after a commit. It may be told twice, and too late: then it does not apply.
#[derive(Clone, Debug)]
pub(crate) struct Next {
    /// Which task.
    pub(crate) key: TaskKey,
    /// What happens to it.
    pub(crate) trigger: Trigger,
}
