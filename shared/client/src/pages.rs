//! A list, over all its pages.

use std::{collections::VecDeque, mem};

use serde_json::Value;

use crate::{Ask, Remote, RemoteError};

/// The items of a list, one after the other; the next page is asked for once this one is read.
#[derive(Debug)]
pub struct Pages<'r> {
    remote: &'r Remote,
    /// The request for the next page; none after the last.
    next: Option<Ask>,
    unread: VecDeque<Value>,
}

impl Remote {
    /// The list that `ask` asks for, from its first page on.
    pub fn pages(&self, ask: Ask) -> Pages<'_> {
        Pages { remote: self, next: Some(ask), unread: VecDeque::new() }
    }
}

impl Pages<'_> {
    /// The next item; none after the last. With filters a page may be empty and others still follow.
    pub async fn next(&mut self) -> Result<Option<Value>, RemoteError> {
        while self.unread.is_empty() {
            let Some(ask) = self.next.take() else { return Ok(None) };
            let mut page = self.remote.ask(&ask).await?;
            let Some(Value::Array(items)) = page.get_mut("items").map(mem::take) else {
                return Err(self.remote.foreign("it answers no list".to_owned()));
            };
            self.unread = items.into();
            self.next = page.get("cursor").and_then(Value::as_str).map(|cursor| ask.at("cursor", cursor));
        }
        Ok(self.unread.pop_front())
    }

    /// Whether there may be more than was read.
    pub fn has_more(&self) -> bool {
        !self.unread.is_empty() || self.next.is_some()
    }
}
