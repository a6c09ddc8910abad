//! What `errand serve` can be told, by flag or environment.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};
use errand::{
    Task,
    spi::{
        lifecycle::retry::MAX_LOSSES,
        store::{Retention, RetentionRules},
        telemetry::Format,
    },
};
use errand_outbound::SigningSecret;
use reqwest::Url;
use rustix::process::{Resource, getrlimit};

use crate::{server::ConnectionLimits, sqlite::Synchronous, tokens::Tokens};

/// How many tasks each queue runs at the same time.
const WORKERS: u16 = 1000;

/// How often it is looked what is due.
const POLL_INTERVAL_MS: u64 = 1000;

/// How many due tasks are taken up at a time.
const TASKS_PER_POLL: u32 = 1000;

/// How many connections there may be.
const CONNECTIONS: u16 = 512;

/// How long a client may keep a connection waiting.
const IDLE_S: u64 = 30;

/// How long running tasks get to finish.
const GRACE_S: u64 = 25;

/// Settings of the one-machine server.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Address to listen on; beyond this machine only with a token, or a file of tokens
    #[arg(long, env = "ERRAND_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Port to listen on; 0 takes a free one
    #[arg(long, env = "ERRAND_PORT", default_value_t = 8787)]
    pub port: u16,

    /// Directory of the database file; made if absent, used by one process at a time
    #[arg(long, env = "ERRAND_DATA", default_value = "./errand-data", value_name = "DIR")]
    pub data: PathBuf,

    /// Tasks that each of the five work queues (urgent, high, medium, low, long) runs at the same time; a tenth of them
    /// is kept for tenants that have none running
    #[arg(long, env = "ERRAND_WORKERS", default_value_t = WORKERS, value_parser = clap::value_parser!(u16).range(1..))]
    pub workers: u16,

    /// Milliseconds between two looks at what is due
    #[arg(long, env = "ERRAND_POLL_INTERVAL_MS", default_value_t = POLL_INTERVAL_MS, value_name = "MS", value_parser = clap::value_parser!(u64).range(10..))]
    pub poll_interval_ms: u64,

    /// Due tasks taken up at a time
    #[arg(long, env = "ERRAND_TASKS_PER_POLL", default_value_t = TASKS_PER_POLL, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tasks_per_poll: u32,

    /// Retries of a task whose request names none
    #[arg(long, env = "ERRAND_MAX_RETRIES", default_value_t = Task::RETRIES, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(Task::MAX_RETRIES)))]
    pub max_retries: u32,

    /// Lost executions after which a task fails
    #[arg(long, env = "ERRAND_MAX_LOSSES", default_value_t = MAX_LOSSES, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_losses: u32,

    /// Days that ended tasks are kept
    #[arg(long, env = "ERRAND_TASK_RETENTION_DAYS", default_value_t = Retention::TASK_DAYS, value_name = "DAYS")]
    pub task_retention_days: u32,

    /// Days that those of one type or queue are kept instead: `type:NAME=DAYS` or `queue:NAME=DAYS`, comma-separated; a type's
    /// rule goes before its queue's
    #[arg(long, env = "ERRAND_TASK_RETENTION", value_name = "RULES")]
    pub task_retention: Option<RetentionRules>,

    /// Days that the action log is kept
    #[arg(long, env = "ERRAND_LOG_RETENTION_DAYS", default_value_t = Retention::LOG_DAYS, value_name = "DAYS")]
    pub log_retention_days: u32,

    /// URL that every published event is posted to
    // Some have a password in them.
    #[arg(long, env = "ERRAND_WEBHOOK_URL", hide_env_values = true, value_name = "URL")]
    pub webhook_url: Option<Url>,

    /// Secret (`whsec_…`) that signs what is posted to the webhook of `--webhook-url`
    #[arg(long, env = "ERRAND_WEBHOOK_SECRET", hide_env_values = true, value_name = "SECRET", requires = "webhook_url", value_parser = signing_secret)]
    pub webhook_secret: Option<SigningSecret>,

    /// URL by which those who are called reach this server, to answer later; the address it listens on if not given
    #[arg(long, env = "ERRAND_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Url>,

    /// Whether targets of tasks, and webhooks, may be in private networks, besides those on this machine and public ones
    #[arg(long, env = "ERRAND_ALLOW_PRIVATE_TARGETS")]
    pub allow_private_targets: bool,

    /// Principals that may write what kinds of records guard, and see what these keep secret, comma-separated; without a
    /// file of tokens every caller here is `local`, and nobody else is one
    #[arg(long = "verifier", env = "ERRAND_VERIFIERS", value_name = "PRINCIPAL")]
    pub verifiers: Vec<String>,

    /// When a write counts as done: on the disk (full), or with the operating system (normal)
    #[arg(long, env = "ERRAND_SYNCHRONOUS", value_enum, default_value_t = Durability::Full)]
    pub synchronous: Durability,

    /// Token that every request must bear (`Authorization: Bearer …`); it gives every right, for every tenant
    #[arg(long, env = "ERRAND_TOKEN", hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub token: Option<String>,

    /// File of the tokens one of which every request must bear: whose each is, its tenant and its rights
    #[arg(long, env = "ERRAND_TOKENS", value_name = "FILE", conflicts_with = "token")]
    pub tokens: Option<PathBuf>,

    /// Connections at the same time, half of them from one address; never more than half of the files that the process may
    /// open (`ulimit -n`). Those beyond are closed at once
    #[arg(long, env = "ERRAND_CONNECTIONS", default_value_t = CONNECTIONS, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,

    /// Seconds that a connection may say nothing between two requests, and that a request's head, and its body, may take
    #[arg(long, env = "ERRAND_IDLE_S", default_value_t = IDLE_S, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub idle_s: u64,

    /// What log lines are: text on standard error, or JSON on standard output
    #[arg(long, env = "ERRAND_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Seconds that running tasks and requests get to finish when the server is told to stop; requests are then broken off,
    /// and tasks released, which takes 5 more at the most
    #[arg(long, env = "ERRAND_GRACE_S", default_value_t = GRACE_S, value_name = "S")]
    pub grace_s: u64,
}

fn signing_secret(text: &str) -> Result<SigningSecret, String> {
    SigningSecret::try_from(text.to_owned()).map_err(|form| form.to_string())
}

/// The database's `synchronous` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// An accepted task survives a power cut.
    Full,
    /// An accepted task survives the end of the process.
    Normal,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For a person at a terminal.
    Text,
    /// For machines: as on AWS.
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        }
    }
}

impl From<Durability> for Synchronous {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Full => Synchronous::Full,
            Durability::Normal => Synchronous::Normal,
        }
    }
}

impl Options {
    /// How much of the server its clients may have. No more connections than half of what the process may open.
    pub fn limits(&self) -> ConnectionLimits {
        // Each connection is an open file, and there are others: the database's, calls to models and webhooks.
        let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files / 2).ok());
        let connections = usize::from(self.connections).min(files.unwrap_or(usize::MAX));
        ConnectionLimits::of(connections, Duration::from_secs(self.idle_s))
    }

    /// The tokens one of which a request must bear, if it must.
    pub fn access(&self) -> anyhow::Result<Option<Tokens>> {
        match (&self.token, &self.tokens) {
            (Some(token), _) => Ok(Some(Tokens::one(token))),
            (None, Some(file)) => Tokens::read(file).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// How long ended things are kept.
    pub fn retention(&self) -> Retention {
        let rules = self.task_retention.clone().unwrap_or_default();
        Retention { rules, ..Retention::of_days(self.task_retention_days, self.log_retention_days) }
    }

    /// What of them is secret: the token, and the webhook's URL, which may have a password in it.
    pub fn secrets(&self) -> Vec<String> {
        let webhook = self.webhook_secret.iter().map(SigningSecret::reveal);
        self.token.iter().cloned().chain(self.webhook_url.iter().map(Url::to_string)).chain(webhook).collect()
    }

    /// The defaults, with the data in `data` and on a free port: for tests and measurements.
    pub fn on_a_free_port(data: PathBuf, synchronous: Durability) -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            data,
            workers: WORKERS,
            poll_interval_ms: POLL_INTERVAL_MS,
            tasks_per_poll: TASKS_PER_POLL,
            max_retries: Task::RETRIES,
            max_losses: MAX_LOSSES,
            task_retention_days: Retention::TASK_DAYS,
            task_retention: None,
            log_retention_days: Retention::LOG_DAYS,
            webhook_url: None,
            webhook_secret: None,
            public_url: None,
            allow_private_targets: false,
            verifiers: Vec::new(),
            synchronous,
            token: None,
            tokens: None,
            connections: CONNECTIONS,
            idle_s: IDLE_S,
            log_format: LogFormat::Text,
            grace_s: GRACE_S,
        }
    }
}
