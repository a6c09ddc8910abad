//! Secrets that stand behind their name: `password: …`, `--token …`, `<secret>…</secret>`, a variable and its value.
//!
//! A name alone makes no secret: prose and code are full of them. What stands behind it is masked if it looks like a
//! secret; and if it is only not a word of prose or code, where the place says that it is a value: in quotes, behind
//! `NAME=`, alone with its name in a line, between tags.

use std::{borrow::Cow, collections::HashSet, ops::Range, sync::LazyLock};

use regex::{Captures, Regex};

use crate::redact::{
    MASK, look,
    values::{
        Place, begin, below, between_tags, closing, collection, indent, is_alone, is_setting, opening, opens_block,
        unquoted,
    },
};

/// A name, and all up to where its value begins.
const NAMES: &str = concat!(
    r#"(?i)(?:<(?<tag>(?-u:[\w:.-])*"#,
    keys!(),
    r#")(?:\s[^<>]{0,200})?>"#,
    r#"|(?<variable>(?-u:\b)(?:name|key|variable)\\*["']?\s*[:=]\s*\\*["']?(?-u:[\w.-])*"#,
    keys!(),
    r#"\\*["']?\s*,?\s*(?:-\s+)?\\*["']?value\\*["']?\s*[:=]\s*)"#,
    r#"|(?<option>(?-u:\B)--(?-u:[\w-])*"#,
    keys!(),
    r#"[ \t]+)"#,
    r#"|"#,
    keys!(),
    r#"(?<quoted>\\*["'])?\]?[ \t]*(?<sign>:=|=>|[:=])[ \t]*)"#,
);

static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(NAMES).ok());

/// How far before a name its line's beginning is looked for.
const MOST_BEFORE: usize = 120;

/// `text` without the secrets that stand behind their names.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    let Some(name) = NAME.as_ref().filter(|_| may_assign(text)) else { return Cow::Borrowed(text) };
    let mut scan = Scan { text, unclosed: HashSet::new() };
    let (mut out, mut kept, mut from) = (String::new(), 0, 0);
    while let Some(found) = name.captures_at(text, from) {
        let Some(all) = found.get(0) else { break };
        // What is refused is looked at again: a name may stand in it.
        from = all.end().max(from + 1);
        for secret in scan.secrets(&found, all.range()) {
            out.push_str(text.get(kept..secret.start).unwrap_or_default());
            out.push_str(MASK);
            (kept, from) = (secret.end, secret.end.max(from));
        }
        while !text.is_char_boundary(from) {
            from += 1;
        }
        if from >= text.len() {
            break;
        }
    }
    if kept == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

/// Whether anything can stand behind its name here: most texts are a word or two.
fn may_assign(text: &str) -> bool {
    text.contains(['<', ':', '=']) || text.contains("--")
}

struct Scan<'a> {
    text: &'a str,
    /// Quotes that are closed nowhere behind where they were last looked for: how many backslashes, and which.
    unclosed: HashSet<(usize, char)>,
}

impl Scan<'_> {
    /// Where the secrets stand whose name is at `name`: none, one, or the items of a list.
    fn secrets(&mut self, found: &Captures<'_>, name: Range<usize>) -> Vec<Range<usize>> {
        let rest = self.text.get(name.end..).unwrap_or_default();
        if let Some(tag) = found.name("tag") {
            return between_tags(rest, tag.as_str()).map(|inner| shifted(inner, name.end)).into_iter().collect();
        }
        // `==`, `::`, `=~`.
        if rest.starts_with(MASK) || rest.starts_with(['=', ':', '~']) {
            return Vec::new();
        }
        if let Some(block) = opens_block(rest).filter(|_| is_setting(self.line_before(name.start))) {
            let indent = indent(self.line_before(name.start));
            return below(rest, indent, block).into_iter().map(|range| shifted(range, name.end)).collect();
        }
        let place = self.place(found, &name, rest);
        let secret = match opening(rest) {
            Some((quote, slashes)) => {
                let is_closing = found.name("quoted").is_none() && found.name("variable").is_none();
                self.in_quotes(name.end, quote, slashes, is_closing)
            }
            None if rest.starts_with(['[', '{']) => collection(rest).map(|range| shifted(range, name.end)),
            None => unquoted(rest, place).map(|range| shifted(range, name.end)),
        };
        secret.into_iter().collect()
    }

    fn place(&self, found: &Captures<'_>, name: &Range<usize>, rest: &str) -> Place {
        if found.name("option").is_some() {
            return Place::Option;
        }
        if found.name("variable").is_some() {
            return Place::Value;
        }
        let Some(sign) = found.name("sign") else { return Place::Text };
        let tight = sign.as_str() == "=" && sign.end() == name.end && !self.before(sign.start()).ends_with([' ', '\t']);
        let alone = sign.as_str() == ":" && is_alone(self.line_before(name.start), rest);
        if tight || alone { Place::Value } else { Place::Text }
    }

    fn before(&self, at: usize) -> &str {
        let mut from = at.saturating_sub(MOST_BEFORE);
        while !self.text.is_char_boundary(from) {
            from += 1;
        }
        self.text.get(from..at).unwrap_or_default()
    }

    fn line_before(&self, at: usize) -> &str {
        let before = self.before(at);
        before.rfind('\n').map_or(before, |end| before.get(end + 1..).unwrap_or_default())
    }

    /// What stands behind an opening quote, if it is a secret. Behind a name without quotes, a quote may be the one that
    /// closes a text.
    fn in_quotes(&mut self, at: usize, quote: char, slashes: usize, may_close: bool) -> Option<Range<usize>> {
        let start = at + slashes + quote.len_utf8();
        let rest = self.text.get(start..)?;
        if may_close && (rest.is_empty() || rest.starts_with([')', ',', ';', ']', '}', '\n', '\r', ' '])) {
            return None;
        }
        let closed = if self.unclosed.contains(&(slashes, quote)) { None } else { closing(rest, quote, slashes) };
        if closed.is_none() {
            self.unclosed.insert((slashes, quote));
        }
        // Of a text that was cut off, to the end of the line.
        let end = closed.unwrap_or_else(|| rest.find(['\r', '\n']).unwrap_or(rest.len()));
        let inner = rest.get(..end)?;
        (!look::is_nothing(begin(inner))).then(|| start..start + end)
    }
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}
