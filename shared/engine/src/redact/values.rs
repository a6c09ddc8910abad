//! Where a value ends that stands behind a name, and whether it is a secret.

use std::ops::Range;

use crate::redact::look;

/// How many bytes of a value are looked at to tell what it is. Longer ones without a space are no words.
const MOST_LOOKED_AT: usize = 200;

/// From how many bytes on what stands between two commas is no item of a list.
const MOST_OF_AN_ITEM: usize = 100;

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing else can stand there.
    Value,
    /// Behind an option's name: a value, or how the sentence goes on.
    Option,
    /// Anything may stand there.
    Text,
}

/// A quote at the beginning, and how many backslashes stand before it.
pub(super) fn opening(rest: &str) -> Option<(char, usize)> {
    let slashes = rest.bytes().take(8).take_while(|byte| *byte == b'\\').count();
    let quote = rest.get(slashes..)?.chars().next()?;
    matches!(quote, '"' | '\'' | '`').then_some((quote, slashes))
}

/// Where the quote stands that closes: behind as many backslashes as the one that opened. `'` is closed in its line.
pub(super) fn closing(rest: &str, quote: char, slashes: usize) -> Option<usize> {
    let mut before = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '\\' => before += 1,
            '\r' | '\n' if quote == '\'' => return None,
            _ if c == quote && (before == slashes || slashes == 0 && before % 2 == 0) => {
                return Some(at - slashes.min(before));
            }
            _ => before = 0,
        }
    }
    None
}

/// Whether a name stands first in its line, as in a file of settings.
pub(super) fn is_setting(before: &str) -> bool {
    let before = before.trim_start_matches([' ', '\t', '+', '-', '"', '\'']);
    before.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Whether a name and its value have their line for themselves.
pub(super) fn is_alone(before: &str, rest: &str) -> bool {
    let line = begin(rest).split('\n').next().unwrap_or_default();
    let line = line.split_once(" #").map_or(line, |(value, _)| value).trim_end();
    is_setting(before) && !line.is_empty() && !line.contains([' ', '\t', ';', ',', '(', '{', '['])
}

/// Whether the value stands below: `Some(true)` for a block of text as YAML has it.
pub(super) fn opens_block(rest: &str) -> Option<bool> {
    let line = begin(rest).split_inclusive('\n').next()?.strip_suffix('\n')?.trim();
    let sign = line.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
    (line.is_empty() || sign == "|" || sign == ">").then_some(!line.is_empty())
}

/// As much as is looked at.
pub(super) fn begin(rest: &str) -> &str {
    let mut end = rest.len().min(MOST_LOOKED_AT);
    while !rest.is_char_boundary(end) {
        end -= 1;
    }
    rest.get(..end).unwrap_or_default()
}

pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// The lines below a name that are its value: all that stand further in, of a block; else those that are secrets.
pub(super) fn below(rest: &str, indent_of_name: usize, block: bool) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = rest.find('\n').map_or(rest.len(), |end| end + 1);
    while let Some(line) = rest.get(at..).and_then(|rest| rest.split_inclusive('\n').next()) {
        let inner = line.trim_start_matches([' ', '\t']);
        let item = inner.strip_prefix("- ").filter(|_| !block).unwrap_or(inner).trim_matches(['\r', '\n', '"', '\'']);
        let start = at + line.find(item).unwrap_or_default();
        let is_below = indent(line) > indent_of_name || !block && inner.starts_with("- ");
        if !item.is_empty() && (!is_below || !block && !look::is_random(item)) {
            break;
        }
        if !item.is_empty() {
            found.push(start..start + item.len());
        }
        at += line.len();
    }
    found
}

/// What stands between this tag and the one that closes it.
pub(super) fn between_tags(rest: &str, tag: &str) -> Option<Range<usize>> {
    let end = rest.find('<')?;
    let inner = rest.get(..end)?;
    let closes = rest.get(end..)?.strip_prefix("</")?.strip_prefix(tag)?.starts_with('>');
    (closes && !look::is_nothing(begin(inner))).then_some(0..end)
}

/// A list or an object, if there are values in it: in quotes, or secrets by their looks.
pub(super) fn collection(rest: &str) -> Option<Range<usize>> {
    let close = if rest.starts_with('[') { ']' } else { '}' };
    let begins = begin(rest).get(1..)?;
    let seen = begins.split(close).next()?;
    let is_quoted = |item: &str| item.trim_start().trim_start_matches('\\').starts_with(['"', '\'']);
    let is_data = if close == ']' {
        !seen.contains(';')
            && seen
                .split(',')
                .any(|item| is_quoted(item) || item.len() < MOST_OF_AN_ITEM && look::is_random(item.trim()))
    } else {
        let value =
            |item: &str| item.split_once(':').is_some_and(|(_, value)| is_quoted(value) && !look::is_nothing(value));
        is_quoted(seen) && seen.split(',').any(value)
    };
    // Of a text that was cut off, to the end of the line.
    let end = || rest.find(close).map_or(rest.find(['\r', '\n']).unwrap_or(rest.len()), |at| at + 1);
    is_data.then(|| 0..end())
}

/// A run of characters that is a secret.
pub(super) fn unquoted(rest: &str, place: Place) -> Option<Range<usize>> {
    let is_end = |c: char| c.is_whitespace() || "\"',;&}\\`<>|".contains(c);
    let begins = begin(rest);
    let Some(end) = begins.find(is_end).or((begins.len() == rest.len()).then_some(rest.len())) else {
        // Nothing of prose or code is so long, unless it begins as that does.
        let is_secret = !look::is_nothing(begins) && !look::is_code(begins);
        return is_secret.then(|| 0..rest.find(is_end).unwrap_or(rest.len()));
    };
    let run = rest.get(..end)?;
    let value = run.trim_end_matches(['.', ':', ')', ']']);
    let next = rest.get(value.len()..)?.chars().next();
    let is_name = matches!(next, Some(')' | '(' | ']' | '<')) && look::is_words(value);
    let is_secret = match place {
        _ if look::is_nothing(value) || look::is_code(run) || is_name => false,
        Place::Value => true,
        Place::Option => !look::is_in_sentence(value) && !value.starts_with('-'),
        Place::Text => look::is_random(value),
    };
    is_secret.then_some(0..value.len())
}
