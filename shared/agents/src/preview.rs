//! Short forms of long texts, by characters, for lists and titles.

use errand::spi::{json::first, redact};

/// How many characters of a run's newest message are shown.
pub const MESSAGE_PREVIEW: usize = 140;

/// How many characters of a run's result are shown.
pub const RESULT_PREVIEW: usize = 280;

/// How long a session's title may be that its metadata give, in characters.
pub const TITLE: usize = 200;

/// How many characters of a prompt make a title, where the metadata give none.
pub const PROMPT_TITLE: usize = 120;

/// The first `chars` characters, without secrets, on one line. Redacted first: half a secret looks like none.
pub fn preview(text: &str, chars: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    first(&redact::text(&words.join(" ")), chars).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_has_one_line_and_no_half_of_a_secret() {
        assert_eq!(preview("  one\n\ttwo  three ", 9), "one two t");
        assert_eq!(preview("the key is sk-abcdefgh12345678", 20), "the key is sk-[redac");
        assert_eq!(preview(&"é".repeat(500), MESSAGE_PREVIEW).chars().count(), 140);
    }
}
