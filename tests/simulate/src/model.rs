//! The model that agents ask: it answers, is cut off, is busy, breaks off or takes its time, as the seed says.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use errand::spi::clock::{Clock, ManualClock};
use errand_models::{ChatAnswer, ChatBackend, ChatError, ChatMessage, ChatRequest, Usage};

use crate::{invariants, pick::Pick, seen::Seen};

/// What each answer has used: at [`PRICES`], one cent.
const USAGE: Usage = Usage { tokens_in: 100, tokens_out: 10 };
pub const PRICES: (f64, f64) = (50.0, 500.0);

/// What a call costs, in millionths of a dollar.
const CALL: u64 = 10_000;

/// What the calls of each agent and mission have cost, in millionths of a dollar, and what they may.
#[derive(Debug, Default)]
pub struct Charges(pub BTreeMap<String, Charge>);

/// See [`Charges`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Charge {
    pub spent: u64,
    pub limit: u64,
}

/// See the module.
pub struct Model {
    pub seen: Seen,
    pub clock: Arc<ManualClock>,
    pub pick: Mutex<Pick>,
    /// Whether nothing goes wrong any more.
    pub calm: std::sync::atomic::AtomicBool,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Model")
    }
}

/// What the newest prompt that does says of who pays: `[mission][agent]`. (A session has those of earlier runs, too.)
fn payers(request: &ChatRequest) -> Vec<String> {
    let mut said = request.messages.iter().rev().filter_map(|message| match message {
        ChatMessage::User(text) if text.contains("][") => Some(text),
        ChatMessage::User(_) | ChatMessage::Assistant { .. } => None,
    });
    let Some(text) = said.next() else { return Vec::new() };
    let named = text.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    named.map(|(name, _)| name.to_owned()).take(2).collect()
}

#[async_trait]
impl ChatBackend for Model {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        let payers = payers(request);
        for payer in &payers {
            let mut inside = self.seen.inside();
            let charge = inside.charges.0.entry(payer.clone()).or_default();
            let held = invariants::a_call_has_a_budget(payer, charge);
            // Whoever is called is paid, whether or not the caller lives to hear the answer.
            charge.spent += CALL;
            inside.trace.note(format_args!("    model asked by {payer}"));
            if let Err(why) = held {
                inside.break_off(why);
            }
        }
        let (wait_s, fate) = {
            let mut pick = self.pick.lock().unwrap_or_else(PoisonError::into_inner);
            (pick.of_these(&[0, 0, 1, 20, 200]), pick.below(10))
        };
        if self.calm.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(answer("All is done."));
        }
        if wait_s > 0 {
            self.clock.sleep(Duration::from_secs(wait_s)).await;
        }
        match fate {
            0 => Err(ChatError::Transport("it broke off".to_owned())),
            1 => {
                for payer in &payers {
                    if let Some(charge) = self.seen.inside().charges.0.get_mut(payer) {
                        charge.spent -= CALL; // it did nothing
                    }
                }
                Err(ChatError::RateLimit { message: "too much".to_owned(), retry_after: None })
            }
            2..5 => Ok(answer("I have begun with it, and now ...")),
            5 => Ok(answer("BLOCKED: say which one.")),
            _ => Ok(answer("All is done.")),
        }
    }
}

fn answer(text: &str) -> ChatAnswer {
    ChatAnswer { text: text.to_owned(), model: "told".to_owned(), usage: Some(USAGE), ..ChatAnswer::default() }
}
