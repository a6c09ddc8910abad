//! What `errand serve` can be told, by flag or environment.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};
use shared::{
    config::Retention,
    domain::{FormError, LinkedinUrl},
};

use crate::sqlite::Synchronous;

/// Settings of the one-machine server.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Address to listen on; beyond this machine only with a token
    #[arg(long, env = "ERRAND_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Port to listen on; 0 takes a free one
    #[arg(long, env = "ERRAND_PORT", default_value_t = 8787)]
    pub port: u16,

    /// Directory of the database file; made if absent, used by one process at a time
    #[arg(long, env = "ERRAND_DATA", default_value = "./errand-data", value_name = "DIR")]
    pub data: PathBuf,

    /// Tasks that each queue runs at the same time
    #[arg(long, env = "ERRAND_WORKERS", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..))]
    pub workers: u16,

    /// Milliseconds between two looks at what is due
    #[arg(long, env = "ERRAND_POLL_INTERVAL_MS", default_value_t = 1000, value_name = "MS", value_parser = clap::value_parser!(u64).range(10..))]
    pub poll_interval_ms: u64,

    /// Due tasks taken up at a time
    #[arg(long, env = "ERRAND_TASKS_PER_POLL", default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tasks_per_poll: u32,

    /// Retries of a task whose request names none
    #[arg(long, env = "ERRAND_MAX_RETRIES", default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub max_retries: u32,

    /// Lost executions after which a task fails
    #[arg(long, env = "ERRAND_MAX_LOSSES", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_losses: u32,

    /// Days that ended tasks are kept
    #[arg(long, env = "ERRAND_TASK_RETENTION_DAYS", default_value_t = 30, value_name = "DAYS")]
    pub task_retention_days: u32,

    /// Days that the action log is kept
    #[arg(long, env = "ERRAND_LOG_RETENTION_DAYS", default_value_t = 90, value_name = "DAYS")]
    pub log_retention_days: u32,

    /// URL that every published event is posted to
    #[arg(long, env = "ERRAND_WEBHOOK_URL", value_name = "URL")]
    pub webhook_url: Option<reqwest::Url>,

    /// A principal that may set a user's `verified` and write linkedin_connection; may be repeated (in the environment:
    /// comma-separated)
    #[arg(long = "verifier", env = "ERRAND_VERIFIERS", value_delimiter = ',', value_name = "PRINCIPAL")]
    pub verifiers: Vec<String>,

    /// JSON file of the model backends, by name; see the README. Without one no model is asked
    #[arg(long, env = "ERRAND_PROFILES", value_name = "FILE")]
    pub profiles: Option<PathBuf>,

    /// JSON file of what goes for agents: budget_zone, session_days, supervisor; see the README
    #[arg(long, env = "ERRAND_AGENTS", value_name = "FILE")]
    pub agents: Option<PathBuf>,

    /// LinkedIn profile whose connections are known to be who they say
    #[arg(long, env = "ERRAND_FOUNDER_LINKEDIN_URL", value_name = "URL", value_parser = linkedin_url)]
    pub founder_linkedin_url: Option<LinkedinUrl>,

    /// When a write counts as done: on the disk (full), or with the operating system (normal)
    #[arg(long, env = "ERRAND_SYNCHRONOUS", value_enum, default_value_t = Durability::Full)]
    pub synchronous: Durability,

    /// Token that every request must bear (`Authorization: Bearer …`)
    #[arg(long, env = "ERRAND_TOKEN", hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub token: Option<String>,

    /// Seconds that running tasks get to finish when the server is told to stop
    #[arg(long, env = "ERRAND_GRACE_S", default_value_t = 25, value_name = "S")]
    pub grace_s: u64,
}

/// The database's `synchronous` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// An accepted task survives a power cut.
    Full,
    /// An accepted task survives the end of the process.
    Normal,
}

impl From<Durability> for Synchronous {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Full => Synchronous::Full,
            Durability::Normal => Synchronous::Normal,
        }
    }
}

fn linkedin_url(text: &str) -> Result<LinkedinUrl, FormError> {
    LinkedinUrl::try_from(text.to_owned())
}

impl Options {
    /// How long ended things are kept.
    pub fn retention(&self) -> Retention {
        let days = |n: u32| Duration::from_secs(u64::from(n) * 24 * 3600);
        Retention { tasks: days(self.task_retention_days), log: days(self.log_retention_days) }
    }
}

/// The defaults, on a directory and port of their own: what measurements run on.
pub fn measured(data: PathBuf, synchronous: Durability) -> Options {
    Options {
        host: IpAddr::from([127, 0, 0, 1]),
        port: 0,
        data,
        workers: 1000,
        poll_interval_ms: 1000,
        tasks_per_poll: 1000,
        max_retries: 3,
        max_losses: 5,
        task_retention_days: 30,
        log_retention_days: 90,
        webhook_url: None,
        verifiers: Vec::new(),
        profiles: None,
        agents: None,
        founder_linkedin_url: None,
        synchronous,
        token: None,
        grace_s: 25,
    }
}
