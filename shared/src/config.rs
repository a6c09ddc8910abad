//! What an installation decides. On AWS read from the environment, once, at start.

mod environment;

use std::time::Duration;

pub use environment::{ConfigError, Deployment, queue_variable, variable};

use jiff::tz::TimeZone;

use crate::{agent::supervisor, chat::Profiles, domain::LinkedinUrl, outbox::Sink, relay::BusEvents, retry};

/// How long a session is kept after its last run, unless configured otherwise.
const SESSION_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// Settings that the code below the functions needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Retries of a task whose request names none.
    pub max_retries: u32,
    /// Lost workers in a drive that end a task.
    pub max_losses: u32,
    /// Principals that may set a user's `verified`.
    pub verifiers: Vec<String>,
    /// The model backends, by name.
    pub chat: Profiles,
    /// Whose LinkedIn connections are known to be who they say.
    pub founder_linkedin_url: Option<LinkedinUrl>,
    /// Where events go.
    pub sink: Sink,
    /// Which changes of tasks are told on the bus, where there is one.
    pub bus_events: BusEvents,
    /// How long after its last run a session may be cleaned up; `None`: never.
    pub session_ttl: Option<Duration>,
    /// In which zone agents' budgets have their days and months.
    pub budget_zone: TimeZone,
    /// From where on a run is in trouble.
    pub supervisor: supervisor::Limits,
    /// How many due items the poller takes up at a time, in each shard.
    pub poll_page: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_retries: crate::lifecycle::Task::MAX_RETRIES,
            max_losses: retry::MAX_LOSSES,
            verifiers: Vec::new(),
            chat: Profiles::default(),
            founder_linkedin_url: None,
            sink: Sink::default(),
            bus_events: BusEvents::default(),
            session_ttl: Some(SESSION_TTL),
            budget_zone: TimeZone::UTC,
            supervisor: supervisor::Limits::default(),
            poll_page: 100,
        }
    }
}

/// How long ended things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Tasks, after their end.
    pub tasks: Duration,
    /// Log rows, after they were written.
    pub log: Duration,
}

impl Default for Retention {
    /// 30 and 90 days.
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { tasks: day * 30, log: day * 90 }
    }
}
