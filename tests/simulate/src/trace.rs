//! What happened, as a number to compare, and as lines if somebody wants to read them.

use std::fmt;

/// See the module.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// `told`: whether lines are kept.
    pub fn new(told: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: told.then(Vec::new) }
    }

    /// Notes what happened. It is written only to be hashed, unless lines are kept.
    pub fn note(&mut self, what: fmt::Arguments<'_>) {
        let _ = fmt::write(&mut Hashing(&mut self.hash), what);
        if let Some(lines) = &mut self.lines {
            lines.push(what.to_string());
        }
    }

    /// The same for the same notes.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines so far; none are left.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.lines.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// FNV-1a.
struct Hashing<'h>(&'h mut u64);

impl fmt::Write for Hashing<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.0 = (*self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
