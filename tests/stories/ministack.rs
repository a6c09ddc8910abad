//! Every story by the functions, over DynamoDB and SQS as MiniStack has them.

use errand::{
    Timestamp,
    spi::{clock::ManualClock, queue::QueueName, store::Store},
};
use integration_tests::{
    aws::{Lambda, Stack},
    events::{Answered, Call},
};
use serde_json::Value;

use super::{
    digest, ends_as, introduction, model, question, search, silence,
    stage::{self, Stage, Turns},
};

impl Stage for Stack {
    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn ask(&mut self, call: &Call) -> Answered {
        self.call(call).await
    }

    async fn settle(&mut self) {
        stage::settle(self).await;
    }

    fn store(&self) -> &dyn Store {
        &*self.app(Lambda::Poller).store
    }
}

impl Turns for Stack {
    async fn turn(&mut self) -> bool {
        let mut any = false;
        for from in QueueName::WORK {
            any |= !self.deliver(from).await.messages.is_empty();
        }
        self.poll().await;
        any
    }

    /// Its queues go by a clock of their own: what they hide for hours, the poller sends again.
    fn next_message(&self) -> Option<Timestamp> {
        None
    }

    fn crashes(&self) -> usize {
        0
    }
}

/// Without a bus: how a story ends is read from the list of events, in which what is relayed has no place.
async fn play(name: &str, story: impl AsyncFn(&mut Stack) -> Value) {
    ends_as(name, &story(&mut Stack::without_bus(model::settings().await).await).await);
}

#[tokio::test]
async fn a_question_is_answered_and_rewarded_on_ministack() {
    play("question", question::story).await;
}

#[tokio::test]
async fn a_silent_user_is_asked_twice_and_paused_on_ministack() {
    play("silence", silence::story).await;
}

#[tokio::test]
async fn an_introduction_is_asked_about_twice_and_closed_on_ministack() {
    play("introduction", introduction::story).await;
}

#[tokio::test]
async fn a_digest_waits_for_the_end_of_quiet_hours_on_ministack() {
    play("digest", digest::story).await;
}

#[tokio::test]
async fn a_search_is_extended_once_and_fails_on_ministack() {
    play("search", search::story).await;
}
