//! Every story on the one-machine server: its own queues, poller and SQLite file, asked over HTTP, under a clock that
//! stands still until the story moves it.

use std::{sync::Arc, time::Duration};

use errand::{
    Registry, Timestamp,
    spi::{
        clock::{Clock, ManualClock},
        store::Store,
    },
};
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use integration_tests::events::{Answered, Call};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    digest, ends_as, introduction, model, question, search, silence,
    stage::{Stage, is_quiet},
};

/// So many looks may find something due before the clock goes on a second.
const LOOKS: usize = 50;

/// A story with more looks in one place has no end.
const MOST_LOOKS: usize = 20_000;

/// See the module.
pub(crate) struct OneMachine {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server: RunningServer,
    client: reqwest::Client,
    dir: TempDir,
}

impl OneMachine {
    /// A new server, which has these task types.
    pub(crate) async fn start(types: Registry) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::on_a_free_port(dir.path().to_owned(), Durability::Normal);
        let options = Options { poll_interval_ms: 10, ..options };
        let clock = Arc::new(ManualClock::at(Timestamp::default()));
        let server = RunningServer::start_at(&options, types, clock.clone()).await.unwrap();
        let client = errand_models::http::client(Duration::from_secs(30)).unwrap();
        Self { clock, server, client, dir }
    }

    /// Asks over HTTP.
    pub(crate) async fn asked(&self, call: &Call) -> Answered {
        let request = call.http(&format!("http://{}", self.server.address));
        let response = self.client.execute(request.try_into().unwrap()).await.unwrap();
        let status = response.status().as_u16();
        Answered { status, body: serde_json::from_slice(&response.bytes().await.unwrap()).unwrap() }
    }

    /// All that stands in the files of its database, as far as it is text.
    pub(crate) fn files(&self) -> String {
        let files = ["errand.db", "errand.db-wal"].map(|name| self.dir.path().join(name));
        let bytes: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).unwrap_or_default()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Stage for OneMachine {
    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn ask(&mut self, call: &Call) -> Answered {
        self.asked(call).await
    }

    async fn settle(&mut self) {
        let began = self.clock.now();
        for look in 1..=MOST_LOOKS {
            if is_quiet(self, began).await {
                return;
            }
            // A message hidden by a clock that was moved meanwhile comes later than its task.
            if look.is_multiple_of(LOOKS) {
                self.clock.advance(Duration::from_secs(1));
            }
        }
        panic!("never quiet");
    }

    fn store(&self) -> &dyn Store {
        &*self.server.app.store
    }
}

/// Plays `story` on a new server.
async fn play(name: &str, story: impl AsyncFn(&mut OneMachine) -> Value) {
    let mut stage = OneMachine::start(model::settings().await.types()).await;
    ends_as(name, &story(&mut stage).await);
    stage.server.stop().await;
}

#[tokio::test]
async fn a_question_is_answered_and_rewarded_on_one_machine() {
    play("question", question::story).await;
}

#[tokio::test]
async fn a_silent_user_is_asked_twice_and_paused_on_one_machine() {
    play("silence", silence::story).await;
}

#[tokio::test]
async fn an_introduction_is_asked_about_twice_and_closed_on_one_machine() {
    play("introduction", introduction::story).await;
}

#[tokio::test]
async fn a_digest_waits_for_the_end_of_quiet_hours_on_one_machine() {
    play("digest", digest::story).await;
}

#[tokio::test]
async fn a_search_is_extended_once_and_fails_on_one_machine() {
    play("search", search::story).await;
}
