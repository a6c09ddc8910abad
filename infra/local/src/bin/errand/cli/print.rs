//! The one place that prints: tables for people, a line of JSON for each thing for programs.

use std::{
    io::{self, Write},
    time::Duration,
};

use console::{Term, measure_text_width, style, truncate_str};
use errand::{
    Timestamp,
    spi::clock::{Clock, SystemClock},
};
use serde::Deserialize;
use serde_json::Value;

use super::{trouble::Trouble, when};

/// What stands between two columns.
const GAP: &str = "  ";

/// How answers are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    /// As JSON lines, not for people.
    pub(crate) json: bool,
}

impl Printer {
    /// A line of standard output, as it is.
    pub(crate) fn line(self, text: &str) -> Result<(), Trouble> {
        let mut out = io::stdout().lock();
        // At once and as a whole, so that whoever reads sees it now, and no half of one when this is broken off.
        out.write_all(format!("{text}\n").as_bytes())?;
        Ok(out.flush()?)
    }

    /// A thing for programs.
    pub(crate) fn json(self, value: &Value) -> Result<(), Trouble> {
        self.line(&value.to_string())
    }

    /// JSON for people.
    pub(crate) fn pretty(self, value: &Value) -> Result<(), Trouble> {
        let text = match value {
            Value::String(text) => text.clone(),
            other => serde_json::to_string_pretty(other).unwrap_or_default(),
        };
        self.line(&text.lines().map(harmless).collect::<Vec<_>>().join("\n"))
    }

    /// What is to be known besides, and is no part of the answer.
    pub(crate) fn note(self, text: &str) {
        // Nobody may read that either.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Rows under their heads, each column as wide as it must be; on a terminal the last one as wide as there is room.
    pub(crate) fn table(self, heads: &[&str], rows: &[Vec<String>]) -> Result<(), Trouble> {
        let heads: Vec<String> = heads.iter().map(|head| style(head).bold().to_string()).collect();
        let all: Vec<&Vec<String>> = [&heads].into_iter().chain(rows).collect();
        let wide = |at: usize| all.iter().filter_map(|row| row.get(at)).map(|cell| measure_text_width(cell)).max();
        let widths: Vec<usize> = (0..heads.len()).map(|at| wide(at).unwrap_or_default()).collect();
        for row in all {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let missing = width.saturating_sub(measure_text_width(cell));
                format!("{cell}{}", " ".repeat(missing))
            });
            let line = cells.collect::<Vec<_>>().join(GAP);
            self.line(&fitting(line.trim_end()))?;
        }
        Ok(())
    }

    /// Names and what they have, those that have nothing left out.
    pub(crate) fn fields(self, fields: &[(&str, String)]) -> Result<(), Trouble> {
        let there: Vec<_> = fields.iter().filter(|(_, value)| !value.is_empty()).collect();
        let width = there.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        there
            .iter()
            .try_for_each(|(name, value)| self.line(&format!("{}{GAP}{value}", style(format!("{name:width$}")).dim())))
    }

    /// A heading, after an empty line.
    pub(crate) fn heading(self, text: &str) -> Result<(), Trouble> {
        self.line(&format!("\n{}", style(text).bold()))
    }

    /// A field of `value` as text, with nothing in it that a terminal would obey; empty if it is not there.
    pub(crate) fn text(self, value: &Value, pointer: &str) -> String {
        match value.pointer(pointer) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => harmless(text),
            Some(other) => harmless(&other.to_string()),
        }
    }

    /// A field that is a time, as it is seen from now.
    pub(crate) fn seen(self, value: &Value, pointer: &str) -> String {
        self.time(value, pointer).map(|at| when::seen(at, SystemClock.now())).unwrap_or_default()
    }

    /// A field that is a time.
    pub(crate) fn time(self, value: &Value, pointer: &str) -> Option<Timestamp> {
        Timestamp::deserialize(value.pointer(pointer)?).ok()
    }

    /// How long it was from one time to another.
    pub(crate) fn between(self, from: Option<Timestamp>, to: Option<Timestamp>) -> String {
        from.zip(to).map(|(from, to)| when::took(to.since(from))).unwrap_or_default()
    }

    /// A field that is a number of milliseconds.
    pub(crate) fn took(self, value: &Value, pointer: &str) -> String {
        let ms = value.pointer(pointer).and_then(Value::as_u64);
        ms.map(|ms| when::took(Duration::from_millis(ms))).unwrap_or_default()
    }

    /// A status, in the colour that says how good it is.
    pub(crate) fn status(self, value: &Value, pointer: &str) -> String {
        let text = self.text(value, pointer);
        let styled = style(&text);
        match &*text {
            "completed" | "ok" | "healthy" | "active" => styled.green().to_string(),
            "failed" | "lost" | "unavailable" => styled.red().to_string(),
            "blocked" | "retry" | "cancelled" => styled.yellow().to_string(),
            "running" => styled.cyan().to_string(),
            _ => text,
        }
    }
}

/// No longer than the terminal is wide; whole where there is none.
fn fitting(line: &str) -> String {
    match Term::stdout().size_checked() {
        Some((_, columns)) => truncate_str(line, columns.into(), "…").into_owned(),
        None => line.to_owned(),
    }
}

/// In one line, with its control characters shown: others have written it, and a terminal would obey them.
fn harmless(text: &str) -> String {
    let show = |c: char| match c {
        '\n' | '\t' => " ".to_owned(),
        c if c.is_control() => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    text.trim_end().chars().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_written_commands_no_terminal() {
        assert_eq!(harmless("a\u{1b}]0;title\u{7}\nb\u{9b}2J\n"), r"a\u{1b}]0;title\u{7} b\u{9b}2J");
    }
}
