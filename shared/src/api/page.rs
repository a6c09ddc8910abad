//! Lists as the API answers them.

use serde::Serialize;

use super::{ApiError, Request};

/// `{items, count, cursor}`; `cursor` is null at the end.
#[derive(Debug, Serialize)]
pub struct Listed<T> {
    /// What is there.
    pub items: Vec<T>,
    /// How many these are.
    pub count: usize,
    /// What to ask for next, as `?cursor=`.
    pub cursor: Option<String>,
}

impl<T> Listed<T> {
    /// A page whose successor is at `cursor`.
    pub fn new(items: Vec<T>, cursor: Option<String>) -> Self {
        Self { count: items.len(), items, cursor }
    }
}

/// `?limit=`: 1 to 100, 50 if absent.
pub fn limit(request: &Request) -> Result<usize, ApiError> {
    match request.query.get("limit").map(|text| text.parse()) {
        None => Ok(50),
        Some(Ok(limit @ 1..=100)) => Ok(limit),
        Some(_) => Err(ApiError::invalid("limit", "expected a number from 1 to 100")),
    }
}
