//! What is made of an event before it is stored: no secrets, one sort of line end, and bounds on all of it.

use std::borrow::Cow;

use serde_json::Value;

use crate::event::{
    AssistantMessage, BackendStatus, CommandOutput, Diff, ErrorNote, EventBody, TerminalNote, ToolCallNote,
};
use errand::spi::{json::cut, redact};

/// The longest text of an event, and the longest JSON text of a tool's input; in bytes, with the mark.
pub const EVENT_TEXT_BYTES: usize = 16 * 1024;

/// The longest name in an event (a tool, a path, a program), in bytes, with the mark.
pub const EVENT_NAME_BYTES: usize = 512;

/// What stands where something was cut off.
pub const CUT_MARK: &str = "… [cut]";

/// Notes whether anything was cut.
#[derive(Default)]
struct Cutter {
    cut: bool,
}

impl EventBody {
    /// As it is stored, and whether something was cut off. Redacted first: half a secret looks like none.
    pub fn normalised(self) -> (EventBody, bool) {
        let mut cutter = Cutter::default();
        let body = match self {
            EventBody::BackendStatus(status) => {
                EventBody::BackendStatus(BackendStatus { note: cutter.maybe_text(status.note), ..status })
            }
            EventBody::AssistantMessage(AssistantMessage { text, turn_id }) => {
                let (text, turn_id) = (cutter.text(&text), cutter.maybe_name(turn_id));
                EventBody::AssistantMessage(AssistantMessage { text, turn_id })
            }
            EventBody::CommandOutput(CommandOutput { text, command, exit_code }) => {
                let (text, command) = (cutter.text(&text), cutter.maybe_name(command));
                EventBody::CommandOutput(CommandOutput { text, command, exit_code })
            }
            EventBody::ToolCall(ToolCallNote { tool, call_id, input, output }) => EventBody::ToolCall(ToolCallNote {
                tool: cutter.name(&tool),
                call_id: cutter.maybe_name(call_id),
                input: cutter.json(input),
                output: cutter.maybe_text(output),
            }),
            EventBody::Diff(Diff { text, path }) => {
                EventBody::Diff(Diff { text: cutter.text(&text), path: cutter.maybe_name(path) })
            }
            EventBody::Error(ErrorNote { message, kind }) => {
                EventBody::Error(ErrorNote { message: cutter.text(&message), kind })
            }
            EventBody::TerminalStatus(note) => {
                EventBody::TerminalStatus(TerminalNote { text: cutter.maybe_text(note.text), ..note })
            }
        };
        (body, cutter.cut)
    }
}

impl Cutter {
    fn text(&mut self, text: &str) -> String {
        self.within(&clean(text), EVENT_TEXT_BYTES)
    }

    fn name(&mut self, text: &str) -> String {
        self.within(&clean(text), EVENT_NAME_BYTES)
    }

    fn maybe_text(&mut self, text: Option<String>) -> Option<String> {
        text.map(|text| self.text(&text))
    }

    fn maybe_name(&mut self, text: Option<String>) -> Option<String> {
        text.map(|text| self.name(&text))
    }

    /// What is too long is kept as the start of its text.
    fn json(&mut self, mut value: Value) -> Value {
        redact::value(&mut value);
        let text = value.to_string();
        if text.len() <= EVENT_TEXT_BYTES { value } else { self.within(&text, EVENT_TEXT_BYTES).into() }
    }

    fn within(&mut self, text: &str, max: usize) -> String {
        if text.len() <= max {
            return text.to_owned();
        }
        self.cut = true;
        format!("{}{CUT_MARK}", cut(text, max - CUT_MARK.len()))
    }
}

fn clean(text: &str) -> String {
    let redacted = redact::text(text);
    let lines = if redacted.contains('\r') { Cow::Owned(redacted.replace("\r\n", "\n")) } else { redacted };
    // No store or terminal takes null characters well.
    lines.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn message(text: &str) -> (String, bool) {
        let body = EventBody::AssistantMessage(AssistantMessage { text: text.into(), turn_id: None });
        match body.normalised() {
            (EventBody::AssistantMessage(message), cut) => (message.text, cut),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_are_cut_at_the_limit_between_characters_and_marked() {
        for (text, bytes, cut) in [
            ("x".repeat(EVENT_TEXT_BYTES - 1), EVENT_TEXT_BYTES - 1, false),
            ("x".repeat(EVENT_TEXT_BYTES), EVENT_TEXT_BYTES, false),
            ("x".repeat(EVENT_TEXT_BYTES + 1), EVENT_TEXT_BYTES, true),
            // The mark has 9 bytes, and 16,375 are no multiple of the sign's three.
            ("€".repeat(EVENT_TEXT_BYTES), EVENT_TEXT_BYTES - 1, true),
        ] {
            let (stored, was_cut) = message(&text);
            assert_eq!((stored.len(), was_cut, stored.ends_with(CUT_MARK)), (bytes, cut, cut));
        }
    }

    #[test]
    fn a_secret_across_the_limit_leaves_no_half() {
        let text = format!("{} sk-{}", "x".repeat(EVENT_TEXT_BYTES - 20), "abcd1234".repeat(4));
        let (stored, _) = message(&text);
        assert!(!stored.contains("abcd"), "{}", &stored[stored.len() - 40..]);
    }

    #[test]
    fn everything_in_an_event_is_redacted() {
        let secret = "sk-abcdefgh12345678";
        let some = || Some(secret.to_owned());
        let input = json!({"a": [secret], "password": {"deep": "hunter2hunter2"}});
        for body in [
            EventBody::BackendStatus(BackendStatus {
                phase: super::super::BackendPhase::RunCreated,
                command_id: None,
                note: some(),
            }),
            EventBody::AssistantMessage(AssistantMessage { text: secret.into(), turn_id: some() }),
            EventBody::CommandOutput(CommandOutput { text: secret.into(), command: some(), exit_code: None }),
            EventBody::ToolCall(ToolCallNote { tool: secret.into(), call_id: some(), input, output: some() }),
            EventBody::Diff(Diff { text: secret.into(), path: some() }),
            EventBody::Error(ErrorNote { message: secret.into(), kind: None }),
            EventBody::TerminalStatus(TerminalNote {
                status: crate::Terminal::Failed,
                failure_kind: None,
                text: some(),
            }),
        ] {
            let stored = json!(body.normalised().0).to_string();
            assert!(!stored.contains("abcdefgh") && !stored.contains("hunter2"), "{stored}");
            assert!(stored.contains("[redacted]"), "{stored}");
        }
    }

    #[test]
    fn line_ends_are_of_one_sort_and_nulls_are_gone() {
        assert_eq!(message("a\r\nb\r\n\0c").0, "a\nb\nc");
    }

    #[test]
    fn a_long_input_becomes_the_start_of_its_text() {
        let input =
            |n: usize| ToolCallNote { tool: "t".into(), call_id: None, input: json!(["é".repeat(n)]), output: None };
        let stored = |n| match EventBody::ToolCall(input(n)).normalised() {
            (EventBody::ToolCall(call), cut) => (call.input, cut),
            other => panic!("{other:?}"),
        };
        assert_eq!(stored(10), (json!(["é".repeat(10)]), false));
        let (text, cut) = stored(EVENT_TEXT_BYTES);
        assert!(cut && text.as_str().unwrap().starts_with("[\"éé"));
        assert!(text.as_str().unwrap().len() <= EVENT_TEXT_BYTES);
    }

    proptest! {
        #[test]
        fn nothing_grows_beyond_its_limit(text in "\\PC{0,60}", max in CUT_MARK.len()..80) {
            let mut cutter = Cutter::default();
            let kept = cutter.within(&text, max);
            prop_assert!(kept.len() <= max);
            prop_assert_eq!(cutter.cut, text.len() > max);
            prop_assert!(text.starts_with(kept.strip_suffix(CUT_MARK).unwrap_or(&kept)));
        }
    }
}
