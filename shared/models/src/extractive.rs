//! `extractive`: no model. Answers with the sentences that say most of what it was asked, and says that it does.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{ChatAnswer, ChatBackend, ChatError, ChatRequest, Usage};
use errand::spi::json::first;

/// The embedded backend. It follows no instruction: whatever is asked of it, it answers with sentences of the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extractive;

/// What its answers call themselves.
pub(super) const MODEL: &str = "extractive (no model)";

/// How many sentences an answer has at most.
const SENTENCES: usize = 5;

/// How many characters one has at most; the rest is left out. Where nothing looks like a sentence's end, a line is one.
const SENTENCE_CHARS: usize = 600;

#[async_trait]
impl ChatBackend for Extractive {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        // Not what was answered: that was picked from the same.
        let asked = request.asked().collect::<Vec<_>>().join("\n");
        let text = pick(&asked, SENTENCES).join(" ");
        if text.is_empty() {
            return Err(ChatError::Refused("the text has no sentences to pick from".to_owned()));
        }
        let usage = Some(Usage { tokens_in: 0, tokens_out: 0 });
        Ok(ChatAnswer { text, model: MODEL.to_owned(), usage, ..ChatAnswer::default() })
    }

    fn judges(&self) -> bool {
        false
    }
}

/// The `most` sentences whose words are the most frequent in the text, in the text's order.
fn pick(text: &str, most: usize) -> Vec<&str> {
    let sentences: Vec<&str> = sentences(text).collect();
    let mut frequency: BTreeMap<String, f64> = BTreeMap::new();
    for word in words(text) {
        *frequency.entry(word).or_default() += 1.0;
    }
    let mut ranked: Vec<(usize, f64)> =
        sentences.iter().map(|sentence| weight(sentence, &frequency)).enumerate().collect();
    ranked.sort_by(|(a, weight_a), (b, weight_b)| weight_b.total_cmp(weight_a).then(a.cmp(b)));
    let mut places: Vec<usize> = ranked.into_iter().take(most).map(|(place, _)| place).collect();
    places.sort_unstable();
    places.into_iter().filter_map(|place| sentences.get(place).copied()).collect()
}

/// The mean frequency of its words: long sentences have no advantage.
fn weight(sentence: &str, frequency: &BTreeMap<String, f64>) -> f64 {
    let (sum, count) = words(sentence)
        .fold((0.0, 0.0), |(sum, count), word| (sum + frequency.get(&word).copied().unwrap_or_default(), count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Words that may carry meaning; those of up to three letters hold sentences together.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 3).map(str::to_lowercase)
}

/// What ends in a full stop, question or exclamation mark and a space, or in a line's end.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.lines().flat_map(|line| line.split_inclusive(". ").flat_map(|part| part.split_inclusive("? ")));
    let parts = parts.flat_map(|part| part.split_inclusive("! "));
    parts.map(str::trim).filter(|sentence| !sentence.is_empty()).map(|sentence| first(sentence, SENTENCE_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChatMessage;

    #[test]
    fn the_sentences_about_what_most_are_about_are_picked_in_their_order() {
        let text =
            "Storage is dear. The weather was fine! We need cheaper storage for cards.\nStorage of cards takes room";
        assert_eq!(pick(text, 2), ["Storage is dear.", "We need cheaper storage for cards."]);
        assert_eq!(pick(text, 9).len(), 4);
    }

    #[test]
    fn what_has_no_ends_of_sentences_is_cut() {
        let text = format!("{}\n{}", "\u{8bed}".repeat(20_000), r#"{"a":1,"#.repeat(5_000));
        assert_eq!(pick(&text, 5).iter().map(|sentence| sentence.chars().count()).collect::<Vec<_>>(), [600, 600]);
    }

    #[tokio::test]
    async fn it_says_that_it_is_no_model() {
        let request = |text: &str| ChatRequest::of("sum up", text.to_owned(), 100);
        let answer = Extractive.chat(&request("One thing. Another.")).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.model.as_str()), ("One thing. Another.", MODEL));
        assert!(matches!(Extractive.chat(&request(" \n")).await, Err(ChatError::Refused(_))));
    }

    #[tokio::test]
    async fn it_picks_from_all_that_was_asked_and_nothing_that_was_answered() {
        let mut request = ChatRequest::of("work", "Sell the shelves.".to_owned(), 100);
        request.messages.push(ChatMessage::Assistant { text: "Shelves shelves.".to_owned(), tool_calls: vec![] });
        request.messages.push(ChatMessage::User("Be quick.".to_owned()));
        assert_eq!(Extractive.chat(&request).await.unwrap().text, "Sell the shelves. Be quick.");
    }
}
