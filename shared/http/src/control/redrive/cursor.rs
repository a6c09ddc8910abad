//! Where a redrive goes on: a place in the list, and the time from which its starts are spread.

use std::time::Duration;

use crate::ApiError;
use errand::{clock::Timestamp, lifecycle::Task, store::Position};

/// `{place}` or `{place}.{milliseconds since 1970}`. A cursor of `GET /v1/dead-letters` is one, too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cursor {
    /// After what; from the newest failed task if none.
    pub(super) place: Option<Position>,
    /// When the next task may start, so that a rate holds over all calls of a redrive.
    pub(super) start: Option<Timestamp>,
}

impl Cursor {
    pub(super) fn read(text: Option<&str>) -> Result<Self, ApiError> {
        let Some(text) = text else { return Ok(Self::default()) };
        let (place, start) = match text.split_once('.') {
            Some((place, start)) => (place, Some(start)),
            None => (text, None),
        };
        let bad = || ApiError::bad_cursor("cursor");
        let start = start.map(|ms| ms.parse().map(Timestamp::from_millis)).transpose().map_err(|_| bad())?;
        Ok(Self { place: Some(Position::from_cursor(place).ok_or_else(bad)?), start })
    }

    pub(super) fn to_text(self) -> String {
        // Before the first task is after the end of time.
        let place = self.place.unwrap_or_else(|| Position::ended_before(Timestamp::from_millis(i64::MAX)));
        match self.start {
            Some(start) => format!("{}.{}", place.to_cursor(), start.as_millis()),
            None => place.to_cursor(),
        }
    }

    /// Leads to a page that begins with `first`, and to nothing that ends from now on.
    pub(super) fn begin_with(&mut self, first: Option<&Task>) {
        let first = first.and_then(|task| task.ended_at);
        let before_it = first.map(|at| Position::ended_before(at + Duration::from_millis(1)));
        self.place = self.place.into_iter().chain(before_it).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_as_text_and_what_is_none_is_refused() {
        let place = Position::ended_before(Timestamp::from_millis(1_700_000_000_000));
        for start in [None, Some(Timestamp::from_millis(7))] {
            let cursor = Cursor { place: Some(place), start };
            assert_eq!(Cursor::read(Some(&cursor.to_text())).unwrap(), cursor);
        }
        let text = place.to_cursor();
        for bad in ["", "x", "x.1", &format!("{text}."), &format!("{text}.soon"), &format!("{text}.1.1")] {
            assert_eq!(Cursor::read(Some(bad)).unwrap_err().field.as_deref(), Some("cursor"), "{bad:?}");
        }
    }
}
