//! Between columns and our types: one reader that goes through a row from left to right, and the few conversions.

use anyhow::Context;
use errand::{Id, Name, Timestamp, spi::lifecycle::log::LogKind};
use rusqlite::{Row, types::FromSql};
use serde::de::{DeserializeOwned, value::StrDeserializer};
use uuid::Uuid;

/// Reads a row's columns in their order, so that no number has to be kept in step with the tables.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From the first column on.
    pub(super) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column, `None` if it is null, through `read`.
    fn next<T: FromSql, U>(&mut self, read: impl FnOnce(T) -> anyhow::Result<U>) -> anyhow::Result<Option<U>> {
        self.column(|row, column| row.get::<_, Option<T>>(column)?.map(read).transpose())
    }

    /// The same of a text, which is not copied.
    fn next_text<U>(&mut self, read: impl FnOnce(&str) -> anyhow::Result<U>) -> anyhow::Result<Option<U>> {
        self.column(|row, column| row.get_ref(column)?.as_str_or_null()?.map(read).transpose())
    }

    fn column<T>(&mut self, read: impl FnOnce(&Row<'_>, usize) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let column = self.next;
        self.next += 1;
        let name = || self.row.as_ref().column_name(column).unwrap_or("?");
        read(self.row, column).with_context(|| format!("column {column} ({})", name()))
    }

    /// The next column as SQLite has it; `T` may be an `Option`.
    pub(super) fn get<T: FromSql>(&mut self) -> anyhow::Result<T> {
        self.column(|row, column| Ok(row.get(column)?))
    }

    /// The next column as a time.
    pub(super) fn at(&mut self) -> anyhow::Result<Option<Timestamp>> {
        self.next(|ms| Ok(Timestamp::from_millis(ms)))
    }

    /// The next column as a count.
    pub(super) fn count(&mut self) -> anyhow::Result<Option<u64>> {
        self.next(|number: i64| Ok(u64::try_from(number)?))
    }

    /// The next column as a UUID.
    pub(super) fn uuid(&mut self) -> anyhow::Result<Option<Uuid>> {
        self.next(|bytes| Ok(Uuid::from_bytes(bytes)))
    }

    /// The next column as a name.
    pub(super) fn name(&mut self) -> anyhow::Result<Option<Name>> {
        self.next_text(|text| Ok(Name::new(text)?))
    }

    /// The next column as an id.
    pub(super) fn id(&mut self) -> anyhow::Result<Option<Id>> {
        self.next_text(|text| Ok(Id::new(text)?))
    }

    /// The next column as an enum from its name on the wire.
    pub(super) fn word<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        self.next_text(word)
    }

    /// The next column as JSON text.
    pub(super) fn json<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        self.next_text(|text| Ok(serde_json::from_str(text)?))
    }
}

/// What a row that is whole has in this column.
pub(super) fn present<T>(value: anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    value?.context("a column is empty that never is")
}

/// Reads an enum from its name on the wire.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    Ok(T::deserialize(StrDeserializer::<serde::de::value::Error>::new(text))?)
}

/// A count as SQLite stores it. None of ours comes near the limit; what a handler reports may.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A value as JSON text. Everything stored so has text keys and finite numbers, hence a text.
pub(super) fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The name on the wire, without a trip through JSON for each row written.
pub(super) fn log_kind(kind: LogKind) -> &'static str {
    match kind {
        LogKind::Execution => "execution",
        LogKind::Cancel => "cancel",
        LogKind::Reschedule => "reschedule",
        LogKind::Redrive => "redrive",
        LogKind::Expire => "expire",
    }
}

#[cfg(test)]
mod tests {
    use errand::spi::lifecycle::log::LogOutcome;

    use super::*;

    #[test]
    fn the_words_stored_are_the_words_on_the_wire() {
        use {LogKind as K, LogOutcome as O};
        let all = [O::Completed, O::Snoozed, O::Retry, O::Failed, O::Cancelled, O::Blocked, O::Lost, O::Pending];
        for o in all {
            assert_eq!(word::<LogOutcome>(o.as_str()).unwrap(), o);
        }
        for k in [K::Execution, K::Cancel, K::Reschedule, K::Redrive, K::Expire] {
            assert_eq!(word::<LogKind>(log_kind(k)).unwrap(), k);
        }
    }

    #[test]
    fn a_count_beyond_sqlites_numbers_does_not_wrap() {
        assert_eq!(int(u64::MAX), i64::MAX);
    }
}
