//! Lists as the API answers them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{ApiError, Request};
use errand::Id;

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

/// By what a list of records is ordered: how its places begin, a digit for each `0` and all else as it is.
#[derive(Clone, Copy, Debug)]
pub struct Order(&'static str);

impl Order {
    /// When they were made.
    pub const BY_TIME: Self = Self("0000-00-00T00:00:00.000Z");
    /// Events, as they were published.
    pub const EVENTS: Self = Self("000000000000000");
    /// Sessions: active ones apart, each by its newest activity.
    pub const SESSIONS: Self = Self("0.000000000000000");

    /// What a cursor of such a list is, as a regular expression.
    pub fn pattern(self) -> String {
        let begins = self.0.replace('.', r"\.").replace('0', "[0-9]");
        let escaped = "%(2[146-9A-E]|3[0-9A-E]|[46][0-9A-F]|5[0-9ABD-F]|7[0-9A-E])";
        format!(r"{begins}/([!$&-.0->@-\[\]-~]|{escaped}){{1,128}}")
    }

    fn has(self, sort: &str) -> bool {
        let fits = |(found, form): (u8, u8)| if form == b'0' { found.is_ascii_digit() } else { found == form };
        sort.len() == self.0.len() && sort.bytes().zip(self.0.bytes()).all(fits)
    }
}

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
/// they are. What is none in a list of this order is refused at `field`: nothing, or everything, would follow it.
pub fn place_of(field: &str, cursor: &str, order: Order) -> Result<String, ApiError> {
    let decoded = percent_decode_str(cursor).decode_utf8().ok();
    let place = decoded.map(|text| text.replacen(BETWEEN.1, &BETWEEN.0.to_string(), 1));
    let is_place =
        |place: &String| place.split_once(BETWEEN.0).is_some_and(|(sort, id)| order.has(sort) && Id::new(id).is_ok());
    place.filter(is_place).ok_or_else(|| ApiError::bad_cursor(field))
}

/// `?cursor=` of a list of records that is ordered by time, as the place it stands for.
pub fn cursor(request: &Request) -> Result<Option<String>, ApiError> {
    request.query.get("cursor").map(|text| place_of("cursor", text, Order::BY_TIME)).transpose()
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
        let pattern = regex::Regex::new(&format!("^{}$", Order::BY_TIME.pattern())).unwrap();
        for id in ["m-1", "ada+news@example.com", "a&b=c", "{x}|<y>^`'"] {
            let place = format!("2026-11-20T09:00:00.000Z#{id}");
            let cursor = cursor_of(&place);
            assert!(pattern.is_match(&cursor), "{cursor}");
            let pasted = reqwest::Url::parse(&format!("http://127.0.0.1/v1/events?after={cursor}&limit=1")).unwrap();
            let mut pasted = pasted.query_pairs();
            assert_eq!(pasted.next().unwrap().1, place.replace('#', "/"));
            assert_eq!(pasted.count(), 1, "{cursor}");
            for cursor in [cursor, place.replace('#', "/"), place.clone()] {
                assert_eq!(place_of("after", &cursor, Order::BY_TIME).unwrap(), place, "{cursor}");
            }
        }
    }

    #[test]
    fn what_is_no_place_is_refused_where_it_stands() {
        let bad = ["", "abc", "ä", "a b", "%00", "%FF", "1", "000000000000001", "000000000000001/", "/x", "a/b/c"];
        let other = ["2026-11-20T09:00:00.000Z/x", "1.000000000000001/x", "00000000000000a/x", "000000000000001/x/y"];
        for bad in bad.into_iter().chain(other).chain([&*format!("000000000000001/{}", "x".repeat(129))]) {
            let refused = place_of("after", bad, Order::EVENTS).unwrap_err();
            assert_eq!(refused.field.as_deref(), Some("after"), "{bad:?}");
        }
        assert_eq!(place_of("after", "000000000000001/x", Order::EVENTS).unwrap(), "000000000000001#x");
        assert_eq!(place_of("cursor", "1.000000000000001/x", Order::SESSIONS).unwrap(), "1.000000000000001#x");
    }
}
