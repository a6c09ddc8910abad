//! Short forms of long texts, by characters, for lists and titles.

use crate::redact;

/// How many characters of a run's newest message are shown.
pub const MESSAGE_PREVIEW: usize = 140;

/// How many characters of a run's result are shown.
pub const RESULT_PREVIEW: usize = 280;

/// How long a session's title may be that its metadata give, in characters.
pub const TITLE: usize = 200;

/// How many characters of a prompt make a title, where the metadata give none.
pub const PROMPT_TITLE: usize = 120;

/// The first `chars` characters.
pub fn first(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The last `chars` characters.
pub fn last(text: &str, chars: usize) -> &str {
    let start = chars.checked_sub(1).and_then(|nth| text.char_indices().rev().nth(nth));
    match (chars, start) {
        (0, _) => "",
        (_, Some((start, _))) => text.get(start..).unwrap_or(text),
        (_, None) => text,
    }
}

/// The first `chars` characters, without secrets, on one line. Redacted first: half a secret looks like none.
pub fn preview(text: &str, chars: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    first(&redact::text(&words.join(" ")), chars).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        for (text, n, start, end) in [
            ("abc", 0, "", ""),
            ("abc", 2, "ab", "bc"),
            ("abc", 3, "abc", "abc"),
            ("abc", 4, "abc", "abc"),
            ("äöü€", 2, "äö", "ü€"),
            ("", 5, "", ""),
        ] {
            assert_eq!((first(text, n), last(text, n)), (start, end), "{text} {n}");
        }
    }

    #[test]
    fn a_preview_has_one_line_and_no_half_of_a_secret() {
        assert_eq!(preview("  one\n\ttwo  three ", 9), "one two t");
        assert_eq!(preview("the key is sk-abcdefgh12345678", 20), "the key is sk-[redac");
        assert_eq!(preview(&"é".repeat(500), MESSAGE_PREVIEW).chars().count(), 140);
    }
}
