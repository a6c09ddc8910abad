//! When a group is over, and what it then means. Pure.

use serde::{Deserialize, Serialize};

use crate::group::{
    part::Part,
    root::{GroupStatus, RootDoc},
};

/// What members that do not end well mean for their group. A member ends well if it is completed.
///
/// ```
/// use errand::GroupPolicy;
///
/// let some: GroupPolicy = serde_json::from_str(r#"{"tolerate": 3}"#)?;
/// assert_eq!(some, GroupPolicy::Tolerate(3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupPolicy {
    /// It waits for all; it has failed if one did not end well.
    #[default]
    WaitAll,
    /// With the first that does not end well it has failed, and the others are called off.
    FailFast,
    /// So many may end badly; with one more it has failed, and the others are called off.
    Tolerate(u32),
    /// So many of a hundred may.
    ToleratePercent(u8),
}

/// Which end of a group a task waits for; of another it is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// Any.
    End,
    /// That it is completed.
    Success,
    /// That it has failed.
    Failure,
}

impl GroupPolicy {
    /// How many of `total` may end badly.
    pub(super) fn allowed(self, total: u32) -> u32 {
        match self {
            GroupPolicy::WaitAll | GroupPolicy::FailFast => 0,
            GroupPolicy::Tolerate(count) => count,
            GroupPolicy::ToleratePercent(percent) => {
                u32::try_from(u64::from(total) * u64::from(percent) / 100).unwrap_or(u32::MAX)
            }
        }
    }

    /// Whether it is over as soon as more than these have.
    pub(super) fn ends_early(self) -> bool {
        self != GroupPolicy::WaitAll
    }
}

impl On {
    /// Whether that is the end that is waited for.
    pub(super) fn is(self, end: GroupStatus) -> bool {
        match self {
            On::End => true,
            On::Success => end == GroupStatus::Completed,
            On::Failure => end == GroupStatus::Failed,
        }
    }
}

/// How a group is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// All members have ended.
    Over(GroupStatus),
    /// Too many have ended badly; the others are called off.
    Broken,
}

/// Whether a group, of which these are all parts, is to be closed.
pub(super) fn judge(root: &RootDoc, parts: &[Part]) -> Option<Closing> {
    let marked: u32 = parts.iter().map(Part::marked).sum();
    let failed: u32 = parts.iter().map(Part::failed).sum();
    let too_many = failed > root.policy.allowed(root.total);
    if root.sealed && marked >= root.total {
        return Some(Closing::Over(if too_many { GroupStatus::Failed } else { GroupStatus::Completed }));
    }
    (too_many && root.policy.ends_early()).then_some(Closing::Broken)
}
