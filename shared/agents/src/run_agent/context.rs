//! What fits into the model's window: everything that the user said, and of the answers as much as there is room for.
//! Pure.

use errand::spi::json::cut;
use errand_models::{ChatMessage, ChatRequest, ToolCall};

/// How many bytes a token has at the least, as a rule: English text has four, code three.
const TOKEN_BYTES: usize = 3;

/// How many bytes a request may have, and from how many on it is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) bytes: usize,
    pub(super) long: usize,
}

impl Room {
    /// What `context_tokens` leave beside an answer of `answer_tokens`, and half of it at least: few answers are as
    /// long as they may be. Three quarters of that are long.
    pub(super) fn of(context_tokens: u32, answer_tokens: u32) -> Self {
        let tokens = (context_tokens - answer_tokens.min(context_tokens / 2)) as usize;
        let bytes = tokens.saturating_mul(TOKEN_BYTES);
        Self { bytes, long: bytes / 4 * 3 }
    }
}

/// All that could be told, in the order in which it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    /// What the user said before `turns`.
    pub(super) said: Vec<String>,
    /// The short of what was answered to that.
    pub(super) short: String,
    /// How many answers to that are told by nothing.
    pub(super) left_out: u64,
    /// What of it this run is to do.
    pub(super) to_do: Vec<String>,
    /// What was said since.
    pub(super) turns: Vec<Exchange>,
    /// What is to be answered.
    pub(super) prompt: String,
}

/// One turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    pub(super) prompt: String,
    pub(super) text: String,
    pub(super) tool_calls: Vec<ToolCall>,
}

const SAID: &str = "What your user said before, word by word:";
const SHORT: &str = "What was answered before, in short:";

impl Telling {
    /// The conversation, within `room`. What does not fit is left out, and said to be: the oldest answers first, then the
    /// middle of the newest; the middle of the longest that the user said before only if there is no other way, and
    /// never what is to be done now.
    pub(super) fn within(mut self, room: Room) -> Vec<ChatMessage> {
        let newest = self.turns.len().saturating_sub(1);
        for nth in 0..newest {
            if self.bytes() <= room.bytes {
                break;
            }
            if let Some(turn) = self.turns.get_mut(nth) {
                turn.tool_calls.clear();
                turn.text = left_out(turn.text.len());
            }
        }
        if let over @ 1.. = self.bytes().saturating_sub(room.bytes)
            && let Some(turn) = self.turns.last_mut()
        {
            turn.tool_calls.clear();
            turn.text = middle_left_out(&turn.text, turn.text.len().saturating_sub(over));
        }
        if let over @ 1.. = self.bytes().saturating_sub(room.bytes) {
            self.shorten_what_was_said(over);
        }
        self.messages()
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> usize {
        ChatRequest { instruction: String::new(), messages: self.messages(), max_tokens: 0 }.bytes()
    }

    fn shorten_what_was_said(&mut self, over: usize) {
        let said = self.said.iter_mut().chain(self.turns.iter_mut().map(|turn| &mut turn.prompt));
        let said: Vec<&mut String> = said.collect();
        let bytes = said.iter().map(|text| text.len()).sum::<usize>();
        share(said, bytes.saturating_sub(over));
    }

    fn messages(&self) -> Vec<ChatMessage> {
        let said = |Exchange { prompt, text, tool_calls }: &Exchange| {
            let (text, tool_calls) = (text.clone(), tool_calls.clone());
            [ChatMessage::User(prompt.clone()), ChatMessage::Assistant { text, tool_calls }]
        };
        let mut messages: Vec<ChatMessage> = self.turns.iter().flat_map(said).collect();
        messages.push(ChatMessage::User(self.prompt.clone()));
        if let Some(ChatMessage::User(first)) = messages.first_mut() {
            let told = self.before().into_iter().chain(self.to_do.iter().cloned()).chain([first.clone()]);
            *first = told.collect::<Vec<String>>().join("\n\n");
        }
        messages
    }

    /// What was before the turns.
    fn before(&self) -> Vec<String> {
        let items = |items: &[String]| items.iter().map(|item| format!("\n- {item}")).collect::<String>();
        let mut told = Vec::new();
        if !self.said.is_empty() {
            told.push(format!("{SAID}{}", items(&self.said)));
        }
        if !self.short.is_empty() {
            told.push(format!("{SHORT}\n{}", self.short));
        }
        if self.left_out > 0 {
            told.push(format!("[{} earlier answers are left out]", self.left_out));
        }
        told
    }
}

/// Leaves of these texts at most so many bytes in all: of the longest the middle goes.
pub(super) fn share(texts: Vec<&mut String>, bytes: usize) {
    let each = fair_share(texts.iter().map(|text| text.len()).collect(), bytes);
    texts.into_iter().for_each(|text| *text = middle_left_out(text, each));
}

/// How many bytes each text may have, so that together they have at most `room`: the longest give way.
fn fair_share(mut lengths: Vec<usize>, mut room: usize) -> usize {
    lengths.sort_unstable();
    let mut left = lengths.len();
    for length in lengths {
        if length.saturating_mul(left) > room {
            return room / left;
        }
        room -= length;
        left -= 1;
    }
    usize::MAX
}

fn left_out(bytes: usize) -> String {
    format!("[an answer of {bytes} bytes is left out]")
}

/// `text` with its beginning and its end, so that it has about `bytes`; as it is, if it has no more.
pub(super) fn middle_left_out(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mark = format!(" [… {} of {} bytes are left out …] ", text.len().saturating_sub(bytes), text.len());
    let kept = bytes.saturating_sub(mark.len());
    let head = cut(text, kept / 2);
    let tail = text.get(text.ceil_char_boundary(text.len() - kept / 2)..).unwrap_or_default();
    format!("{head}{mark}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(prompt: &str, answer: usize) -> Exchange {
        Exchange { prompt: prompt.to_owned(), text: "a".repeat(answer), tool_calls: Vec::new() }
    }

    fn text(message: &ChatMessage) -> &str {
        match message {
            ChatMessage::User(text) | ChatMessage::Assistant { text, .. } => text,
        }
    }

    fn room(bytes: usize) -> Room {
        Room { bytes, long: bytes }
    }

    #[test]
    fn what_fits_is_told_as_it_is() {
        let turns = vec![turn("first", 300), turn("second", 300)];
        let told = Telling { turns, prompt: "third".into(), ..Telling::default() }.within(room(700));
        let lengths: Vec<usize> = told.iter().map(|message| text(message).len()).collect();
        assert_eq!(lengths, [5, 300, 6, 300, 5]);
    }

    #[test]
    fn the_oldest_answers_are_left_out_first_and_said_to_be() {
        let turns = vec![turn("first", 3000), turn("second", 3000), turn("third", 3000)];
        let told = Telling { turns, prompt: "fourth".into(), ..Telling::default() };
        let texts = |bytes| told.clone().within(room(bytes)).iter().map(|m| text(m).to_owned()).collect::<Vec<_>>();
        let out = "[an answer of 3000 bytes is left out]";
        assert_eq!((texts(7000)[1].as_str(), texts(7000)[3].len()), (out, 3000));
        let two = texts(3500);
        assert_eq!((two[1].as_str(), two[3].as_str(), two[5].len()), (out, out, 3000));
        let least = texts(1000);
        assert!(least[5].contains("of 3000 bytes are left out"), "{}", least[5]);
        for (nth, said) in [(0, "first"), (2, "second"), (4, "third"), (6, "fourth")] {
            assert_eq!(least[nth], said);
        }
    }

    #[test]
    fn of_what_the_user_said_only_the_longest_gives_way_and_never_what_is_to_be_done() {
        let long = format!("begin{}end", "x".repeat(4000));
        let said = vec!["My name is Ada.".to_owned(), long];
        let to_do = vec!["y".repeat(900)];
        let telling = Telling { said, to_do, prompt: "z".repeat(900), ..Telling::default() };
        let told = telling.within(room(3000));
        let [ChatMessage::User(all)] = &told[..] else { panic!("{told:?}") };
        assert!(all.contains("- My name is Ada.\n- begin") && all.contains("end") && all.len() <= 3000, "{all}");
        assert!(all.contains(&"y".repeat(900)) && all.ends_with(&"z".repeat(900)));
    }

    #[test]
    fn shares_are_fair() {
        for (lengths, room, each) in [
            (vec![1, 2, 3], 6, usize::MAX),
            (vec![10, 1, 10], 11, 5),
            (vec![], 0, usize::MAX),
            (vec![5, 5], 4, 2),
            (vec![100], 40, 40),
        ] {
            assert_eq!(fair_share(lengths.clone(), room), each, "{lengths:?}");
        }
    }

    #[test]
    fn a_middle_is_left_out_between_characters() {
        let text = "é".repeat(500);
        for bytes in 0..1000 {
            let kept = middle_left_out(&text, bytes);
            assert!(kept.len() <= bytes.max(60), "{bytes}: {}", kept.len());
            assert!(kept.contains("of 1000 bytes are left out"));
        }
        assert_eq!(middle_left_out(&text, 1000), text);
    }
}
