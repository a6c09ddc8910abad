//! Where a redrive goes on: a place in the list, and the time from which its starts are spread.

use std::time::Duration;

use crate::{clock::Timestamp, lifecycle::Task, store::Position};

/// `{place}` or `{place}.{milliseconds since 1970}`. A cursor of `GET /v1/dead-letters` is one, too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cursor {
    /// After what; from the newest failed task if none.
    pub place: Option<Position>,
    /// When the next task may start, so that a rate holds over all calls of a redrive.
    pub start: Option<Timestamp>,
}

impl Cursor {
    /// Of its text; `None` if that is none.
    pub fn read(text: &str) -> Option<Self> {
        let (place, start) = match text.split_once('.') {
            Some((place, start)) => (place, Some(start)),
            None => (text, None),
        };
        let start = start.map(|ms| ms.parse().map(Timestamp::from_millis)).transpose().ok()?;
        Some(Self { place: Some(Position::from_cursor(place)?), start })
    }

    /// As a text.
    pub fn to_text(self) -> String {
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
            assert_eq!(Cursor::read(&cursor.to_text()), Some(cursor));
        }
        let text = place.to_cursor();
        for bad in ["", "x", "x.1", &format!("{text}."), &format!("{text}.soon"), &format!("{text}.1.1")] {
            assert_eq!(Cursor::read(bad), None, "{bad:?}");
        }
    }
}
