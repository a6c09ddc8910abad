//! Lists as the API answers them.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{ApiError, Request};

/// `{items, count, cursor}`; `cursor` is null at the end.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "{T}List")]
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

/// The most bytes of items in one answer: a Lambda function can answer with 6 MB, and JSON within JSON grows.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// As many of `items` as one answer takes, at least one; each with the cursor of the page that begins after it.
/// `next` is the cursor after all of them.
pub fn fitting<T: Serialize>(
    items: impl IntoIterator<Item = (T, String)>,
    next: Option<String>,
) -> Listed<Box<RawValue>> {
    let (mut shown, mut bytes, mut after) = (Vec::new(), 0, None);
    for (item, cursor) in items {
        // Views are structs of strings, numbers and times; they always have a JSON text.
        let item = to_raw_value(&item).unwrap_or_default();
        bytes += item.get().len();
        if bytes > PAGE_BYTES && !shown.is_empty() {
            return Listed::new(shown, after);
        }
        shown.push(item);
        after = Some(cursor);
    }
    Listed::new(shown, next)
}

/// The most bytes of a cursor into a list of records: a time or number, and an id.
const CURSOR_BYTES: usize = 256;

/// `?cursor=` of a list of records. What cannot be one is refused here: a store may take none that is empty or long.
pub fn cursor(request: &Request) -> Result<Option<&str>, ApiError> {
    request.query.get("cursor").map(|text| checked_cursor(text)).transpose()
}

/// The same of a part of one.
pub fn checked_cursor(text: &str) -> Result<&str, ApiError> {
    if (1..=CURSOR_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(ApiError::invalid("cursor", "this cursor is not one of this list"))
}

/// `?limit=`: 1 to 100, 50 if absent.
pub fn limit(request: &Request) -> Result<usize, ApiError> {
    limit_of(request, (100, 50))
}

/// `?limit=`: 1 to `most`, or what there is if it is absent.
pub fn limit_of(request: &Request, (most, absent): (usize, usize)) -> Result<usize, ApiError> {
    match request.query.get("limit").map(|text| text.parse()) {
        None => Ok(absent),
        Some(Ok(limit)) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::invalid("limit", format!("expected a number from 1 to {most}"))),
    }
}
