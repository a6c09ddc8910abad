//! What an installation decides. On AWS read from the environment, once, at start.

mod agents;
mod environment;
mod shards;
mod takes;

pub use agents::AgentRules;
pub use environment::{ConfigError, Deployment, principals, queue_variable, variable};
pub use shards::Shards;
pub use takes::Takes;

use crate::{
    chat::{ProfileView, Profiles},
    domain::LinkedinUrl,
    lifecycle::retry,
    outbox::Sink,
    relay::BusEvents,
    store::COMMIT_ITEMS,
};

/// Settings that the code below the functions needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Retries of a task whose request names none.
    pub max_retries: u32,
    /// Lost workers in a drive that end a task.
    pub max_losses: u32,
    /// Principals that may set a user's `verified`, and write the LinkedIn connections that it follows from.
    pub verifiers: Vec<String>,
    /// The model backends, by name.
    pub chat: Profiles,
    /// The model backends that other functions ask, for one that only tells of them; `None`: those of `chat`.
    pub shown_backends: Option<Vec<ProfileView>>,
    /// Whose LinkedIn connections are known to be who they say.
    pub founder_linkedin_url: Option<LinkedinUrl>,
    /// Where events go.
    pub sink: Sink,
    /// Which changes of tasks are told on the bus, where there is one.
    pub bus_events: BusEvents,
    /// What goes for agents.
    pub agents: AgentRules,
    /// Whether tasks of the type `scripted` are taken and run: they do what they are told, minting credit included.
    pub scripted: bool,
    /// How many due items the poller takes up at a time, in each shard.
    pub poll_page: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_retries: crate::lifecycle::Task::RETRIES,
            max_losses: retry::MAX_LOSSES,
            verifiers: Vec::new(),
            chat: Profiles::default(),
            shown_backends: None,
            founder_linkedin_url: None,
            sink: Sink::default(),
            bus_events: BusEvents::default(),
            agents: AgentRules::default(),
            scripted: false,
            // So many events are listed in one commit, whose other item is the outbox.
            poll_page: COMMIT_ITEMS - 1,
        }
    }
}

impl Settings {
    /// The model backends there are, as they are shown.
    pub fn backends(&self) -> Vec<ProfileView> {
        self.shown_backends.clone().unwrap_or_else(|| self.chat.views().cloned().collect())
    }
}
