//! The handle of a task: its id and, if it was set going again after an end, the number of that redrive. What ended
//! under a handle stays so, as the protocol has it; a redrive makes another handle of the same task. One that answers a
//! question of the task's makes none: the task goes on under its own.

use std::fmt;

use errand::spi::lifecycle::log::{LogEntry, LogKind, LogOutcome};
use uuid::Uuid;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) id: Uuid,
    /// How often it had been set going again when this was given out.
    pub(crate) redrives: u32,
}

impl Handle {
    /// Reads what was given out.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (id, redrives) = match text.split_once('.') {
            Some((id, redrives)) => (id, redrives.parse().ok().filter(|redrives| *redrives > 0)?),
            None => (text, 0),
        };
        let handle = Self { id: Uuid::try_parse(id).ok()?, redrives };
        (handle.to_string() == text).then_some(handle)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.redrives {
            0 => write!(f, "{}", self.id),
            redrives => write!(f, "{}.{redrives}", self.id),
        }
    }
}

/// Looks through a task's log for the end under a handle.
pub(crate) struct EndOf {
    handle: Handle,
    redrives: u32,
}

impl EndOf {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, redrives: 0 }
    }

    /// The row of that end, if it is among the next `rows`.
    pub(crate) fn find(&mut self, rows: Vec<LogEntry>) -> Option<LogEntry> {
        rows.into_iter().find(|row| {
            self.redrives += u32::from(row.kind == LogKind::Redrive);
            // What is completed is not set going again: it is how the task is now.
            let ends = matches!(row.outcome, LogOutcome::Failed | LogOutcome::Cancelled);
            self.redrives >= self.handle.redrives && ends
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_as_it_was_given_out_and_no_other_way() {
        let id = Uuid::from_u128(7);
        for handle in [Handle { id, redrives: 0 }, Handle { id, redrives: 12 }] {
            assert_eq!(Handle::read(&handle.to_string()), Some(handle));
        }
        let (plain, upper) = (id.to_string(), "0000000A-0000-0000-0000-000000000000");
        for wrong in ["", "x", upper, &format!("{plain}."), &format!("{plain}.0"), &format!("{plain}.01")] {
            assert_eq!(Handle::read(wrong), None, "{wrong}");
        }
    }
}
