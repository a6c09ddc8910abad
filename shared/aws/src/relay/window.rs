//! What a window of a shard adds to the counters, and up to where.
//!
//! A shard has a watermark: every record up to it is counted, exactly once, and none after it. A window carries what it
//! has counted from the watermark `from` up to the record `to`; one transaction stores that, as a delta, and moves the
//! watermark from `from` to `to`, or does nothing because it stands elsewhere.
//!
//! ```text
//!            watermark = from                    to
//!  counted ────────┤├──── in the window ──────────┤├──── to come
//! ```
//!
//! Lambda hands a window on from batch to batch, may hand a batch over again, and may forget the window with it. So each
//! batch begins with a look at the watermark. What is written depends on the records alone, so a window that was written
//! by a try nobody heard of is written up to one of the places at which its repetition would be: before its state, or
//! after all of it.

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::relay::{Change, Sequence, Tally};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    from: Option<Sequence>,
    to: Option<Sequence>,
    counts: Tally,
}

impl Window {
    /// The window that `state` describes, if it is not written yet; else a new one.
    pub fn resume(state: Option<&str>, watermark: Option<Sequence>) -> Self {
        let new = Self { from: watermark.clone(), to: watermark.clone(), counts: Tally::default() };
        let Some(state) = state else { return new };
        match serde_json::from_str::<Window>(state) {
            Ok(window) if window.from >= watermark => Self { from: watermark, ..window },
            Ok(window) if window.to <= watermark => new,
            Ok(window) => {
                error!(?watermark, from = ?window.from, to = ?window.to, "a window was written in part; the counters are short of the rest");
                new
            }
            Err(problem) => {
                error!(error = %problem, "a window cannot be read; the counters are short of it");
                new
            }
        }
    }

    /// Counts a record, which changed a task or did not. One that is counted already is left out.
    pub fn count(&mut self, at: &Sequence, change: Option<&Change>) {
        if self.to.as_ref().is_some_and(|to| at <= to) {
            return;
        }
        self.to = Some(at.clone());
        if let Some(change) = change {
            self.counts.add(change);
        }
    }

    /// Whether it must be written before it counts on.
    pub fn is_full(&self) -> bool {
        self.counts.is_full()
    }

    /// What is to be written, from where, and up to where; `None` if nothing was counted.
    pub fn unwritten(&self) -> Option<(Option<&Sequence>, &Sequence, &Tally)> {
        let to = self.to.as_ref().filter(|_| !self.counts.is_empty())?;
        Some((self.from.as_ref(), to, &self.counts))
    }

    /// The window that follows this one, which is written.
    pub fn next(self) -> Self {
        let from = if self.counts.is_empty() { self.from } else { self.to.clone() };
        Self { from, to: self.to, counts: Tally::default() }
    }

    /// What [`Window::resume`] reads.
    pub fn state(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
