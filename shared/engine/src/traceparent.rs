//! Which trace a request belongs to, as the W3C's Trace Context (level 2) has it: the header `traceparent`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The length of a header of version 00, in bytes; none is shorter.
const BYTES: usize = 55;

/// The flags that are known: sampled, and that the trace's id is random. All others are read as not set.
const KNOWN_FLAGS: u8 = 0b11;

/// What of [`KNOWN_FLAGS`] says that whoever called records the trace.
const SAMPLED: u8 = 0b01;

/// The value of a header `traceparent`: a trace, and the step in it that something comes of. A task keeps that of its request,
/// and hands it to whoever does it.
///
/// ```
/// use errand::TraceParent;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace: TraceParent = text.parse().unwrap();
/// assert_eq!(trace.to_string(), text);
/// assert!(trace.is_sampled());
/// assert!("00-00000000000000000000000000000000-00f067aa0ba902b7-01".parse::<TraceParent>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

/// A text is no header `traceparent`. The standard has such a one ignored, and a new trace begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a `traceparent` as the W3C's Trace Context has it")]
pub struct NoTraceParent;

impl TraceParent {
    /// The step `parent_id` of the trace `trace_id`, unless one of them is 0; flags that are not known are left out.
    pub fn of(trace_id: u128, parent_id: u64, flags: u8) -> Option<Self> {
        let is_one = trace_id != 0 && parent_id != 0;
        is_one.then_some(Self { trace_id, parent_id, flags: flags & KNOWN_FLAGS })
    }

    /// The trace.
    pub fn trace_id(self) -> u128 {
        self.trace_id
    }

    /// The step in it.
    pub fn parent_id(self) -> u64 {
        self.parent_id
    }

    /// The flags: 1 says that it is recorded, 2 that the trace's id is random.
    pub fn flags(self) -> u8 {
        self.flags
    }

    /// Whether whoever called records the trace.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    /// Reads a header of version 00, or what a later one has in common with it.
    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let (head, rest) = text.split_at_checked(BYTES).ok_or(NoTraceParent)?;
        let mut fields = head.split('-');
        let mut field = |digits: usize| fields.next().filter(|field| is_hex(field, digits)).ok_or(NoTraceParent);
        let (version, trace_id, parent_id, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        let goes_on = version != "00" && rest.starts_with('-');
        if version == "ff" || !(rest.is_empty() || goes_on) {
            return Err(NoTraceParent);
        }
        let trace_id = u128::from_str_radix(trace_id, 16).map_err(|_| NoTraceParent)?;
        let parent_id = u64::from_str_radix(parent_id, 16).map_err(|_| NoTraceParent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| NoTraceParent)?;
        Self::of(trace_id, parent_id, flags).ok_or(NoTraceParent)
    }
}

/// Capitals are not allowed, so that one value has one text.
fn is_hex(field: &str, digits: usize) -> bool {
    field.len() == digits && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

impl TryFrom<String> for TraceParent {
    type Error = NoTraceParent;

    fn try_from(text: String) -> Result<Self, NoTraceParent> {
        text.parse()
    }
}

impl From<TraceParent> for String {
    fn from(trace: TraceParent) -> Self {
        trace.to_string()
    }
}

impl schemars::JsonSchema for TraceParent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TraceParent".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn read(text: &str) -> Option<String> {
        text.parse::<TraceParent>().ok().map(|trace| trace.to_string())
    }

    #[test]
    fn a_header_of_this_version_is_told_as_it_was_read() {
        for flags in ["00", "01", "02", "03"] {
            let text = format!("00-{TRACE}-{PARENT}-{flags}");
            assert_eq!(read(&text), Some(text));
        }
    }

    #[test]
    fn of_a_later_version_what_is_known_is_read_and_told_as_this_one_has_it() {
        let expected = Some(format!("00-{TRACE}-{PARENT}-01"));
        for text in [format!("01-{TRACE}-{PARENT}-01"), format!("cc-{TRACE}-{PARENT}-09-what-will-be")] {
            assert_eq!(read(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_header_is_none() {
        let (none, nobody) = ("0".repeat(32), "0".repeat(16));
        for text in [
            String::new(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-011"),
            format!("01-{TRACE}-{PARENT}-01more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0-{TRACE}-{PARENT}-001"),
            format!("00-{none}-{PARENT}-01"),
            format!("00-{TRACE}-{nobody}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{PARENT}-0x"),
            format!("00-+{}-{PARENT}-01", &TRACE[1..]),
            format!("00_{TRACE}_{PARENT}_01"),
            format!(" 00-{TRACE}-{PARENT}-0"),
            format!("00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01"),
            format!("00-{}ü-{PARENT}-01", &TRACE[2..]),
            "ü".repeat(28),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }
}
