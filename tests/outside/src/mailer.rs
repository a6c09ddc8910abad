//! A stand-in for the client of a mail service.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use errand::Id;

/// Keeps what it sends, once for each key: whoever sends it again has not heard that it was sent.
#[derive(Clone, Default)]
pub struct Mailer {
    sent: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Mailer {
    /// Sends one invoice.
    pub fn send(&self, customer: &Id, cents: u32, key: String) -> io::Result<()> {
        let letter = format!("{customer} owes {}.{:02}", cents / 100, cents % 100);
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(key, letter);
        Ok(())
    }

    /// What was sent.
    pub fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
