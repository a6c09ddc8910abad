//! Lists as the API answers them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{ApiError, Request};

/// One page: of a list, or of what is followed.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct Listed<T> {
    /// What is there.
    pub items: Vec<T>,
    /// How many these are.
    pub count: usize,
    /// What to ask for next, as the parameter `cursor`, `after` or `after_seq`. Null at the end of a list; what is
    /// followed may have more one day, and keeps one.
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

/// The most bytes of a place in a list of records: a time or number, and an id.
const PLACE_BYTES: usize = 256;

/// What stands between the two in a store, where a URL ends, and in a cursor. No sort key and no id has either.
const BETWEEN: (char, &str) = ('#', "/");

/// What a URL has another meaning for after `?`, or a shell: some ids have it.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'/').remove(b'@');

/// The cursor of what comes after `place` in a list of records: nothing in it needs escaping in a URL.
pub fn cursor_of(place: &str) -> String {
    utf8_percent_encode(&place.replacen(BETWEEN.0, BETWEEN.1, 1), ESCAPED).to_string()
}

/// The place that a cursor stands for, as [`cursor_of`] made it or escaped once more; older versions gave out places as
/// they are. What cannot be one is refused at `field`: a store may take none that is empty or long.
pub fn place_of(field: &str, cursor: &str) -> Result<String, ApiError> {
    let bad = || ApiError::bad_cursor(field);
    let place = percent_decode_str(cursor).decode_utf8().map_err(|_| bad())?;
    if !(1..=PLACE_BYTES).contains(&place.len()) || !place.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad());
    }
    Ok(place.replacen(BETWEEN.1, &BETWEEN.0.to_string(), 1))
}

/// `?cursor=` of a list of records, as the place it stands for.
pub fn cursor(request: &Request) -> Result<Option<String>, ApiError> {
    request.query.get("cursor").map(|text| place_of("cursor", text)).transpose()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_cursor_pasted_into_a_url_or_escaped_or_of_an_older_version() {
        for id in ["m-1", "ada+news@example.com", "a&b=c", "{x}|<y>^`'"] {
            let place = format!("2026-11-20T09:00:00.000Z#{id}");
            let cursor = cursor_of(&place);
            let pasted = reqwest::Url::parse(&format!("http://127.0.0.1/v1/events?after={cursor}&limit=1")).unwrap();
            let mut pasted = pasted.query_pairs();
            assert_eq!(pasted.next().unwrap().1, place.replace('#', "/"));
            assert_eq!(pasted.count(), 1, "{cursor}");
            for cursor in [cursor, place.replace('#', "/"), place.clone()] {
                assert_eq!(place_of("after", &cursor).unwrap(), place, "{cursor}");
            }
        }
    }

    #[test]
    fn what_is_no_place_is_refused_where_it_stands() {
        for bad in ["", "ä", "a b", "%00", "%FF", &"x".repeat(257)] {
            assert_eq!(place_of("after", bad).unwrap_err().field.as_deref(), Some("after"), "{bad:?}");
        }
    }
}
