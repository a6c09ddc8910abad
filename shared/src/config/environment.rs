//! The environment of a Lambda function, read once at start. What is missing or malformed is named.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    str::FromStr,
    time::Duration,
};

use super::{AgentRules, Settings, Shards, Takes};
use crate::{
    chat::Profiles,
    json::read::FieldError,
    lifecycle::Task,
    outbox::{Sink, Webhook},
    queue::QueueName,
    store::Retention,
};

/// Why a function does not start.
#[derive(thiserror::Error)]
pub enum ConfigError {
    /// A variable that has no default is not set.
    #[error("the environment variable {0} is not set")]
    Missing(String),
    /// A variable has no such value.
    #[error("the environment variable {name} is {value:?}: {problem}")]
    Malformed {
        /// Which one.
        name: String,
        /// What it is.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// As it is displayed: it is what a process prints whose `main` returns it.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a function on AWS is told.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The stack's name, which its metrics carry.
    pub stack: String,
    /// The table of tasks and records.
    pub tasks_table: String,
    /// The table of the action log.
    pub log_table: String,
    /// How long both keep what has ended.
    pub retention: Retention,
    /// Into how many parts the indexes are divided.
    pub shards: Shards,
    /// The URLs of the queues it uses.
    pub queues: BTreeMap<QueueName, String>,
    /// The name of the event bus, of the functions that put something on it.
    pub bus: Option<String>,
    /// What `enqueue` takes.
    pub takes: Takes,
    /// The rest.
    pub settings: Settings,
    /// Values that no log or answer may show.
    pub secrets: Vec<String>,
}

impl Deployment {
    /// Reads the process's environment; `queues` are those the function uses.
    pub fn from_env(queues: &[QueueName]) -> Result<Self, ConfigError> {
        Self::read(variable, queues)
    }

    /// Reads what `get` answers, for which an empty value is none.
    pub fn read(get: impl Fn(&str) -> Option<String>, queues: &[QueueName]) -> Result<Self, ConfigError> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let required = |name: &str| get(name).ok_or_else(|| ConfigError::Missing(name.to_owned()));
        let default = Settings::default();
        let days = |name: &str, default: Duration| -> Result<Duration, ConfigError> {
            Ok(parsed::<u32>(name, get(name))?.map_or(default, |n| Duration::from_secs(u64::from(n) * 24 * 3600)))
        };
        let retention = Retention::default();
        let (chat, secrets) = match get("ERRAND_PROFILES") {
            None => Default::default(),
            // The value is not shown: it may be long, and somebody may have put a key into it.
            Some(text) => Profiles::read(&text, get).map_err(|e| malformed("ERRAND_PROFILES", "{…}".to_owned(), e))?,
        };
        let shown = get("ERRAND_SHOWN_PROFILES").map(|text| Profiles::views_of(&text));
        let shown = shown.transpose().map_err(|e| malformed("ERRAND_SHOWN_PROFILES", "{…}".to_owned(), e))?;
        let url = |queue: &QueueName| Ok((*queue, required(&queue_variable(*queue))?));
        Ok(Self {
            stack: required("ERRAND_STACK")?,
            tasks_table: required("ERRAND_TASKS_TABLE")?,
            log_table: required("ERRAND_LOG_TABLE")?,
            retention: Retention {
                tasks: days("ERRAND_TASK_RETENTION_DAYS", retention.tasks)?,
                log: days("ERRAND_LOG_RETENTION_DAYS", retention.log)?,
            },
            shards: shards(get)?,
            queues: queues.iter().map(url).collect::<Result<_, _>>()?,
            bus: get("ERRAND_EVENT_BUS"),
            takes: parsed("ERRAND_TAKES", get("ERRAND_TAKES"))?.unwrap_or_default(),
            settings: Settings {
                max_retries: max_retries(get("ERRAND_MAX_RETRIES"))?.unwrap_or(default.max_retries),
                max_losses: parsed("ERRAND_MAX_LOSSES", get("ERRAND_MAX_LOSSES"))?.unwrap_or(default.max_losses),
                verifiers: get("ERRAND_VERIFIERS").map(|list| principals(&list)).unwrap_or_default(),
                chat,
                shown_backends: shown,
                founder_linkedin_url: read_as("ERRAND_FOUNDER_LINKEDIN_URL", get("ERRAND_FOUNDER_LINKEDIN_URL"))?,
                sink: sink(get("ERRAND_WEBHOOK_URL"))?,
                bus_events: parsed("ERRAND_BUS_EVENTS", get("ERRAND_BUS_EVENTS"))?.unwrap_or_default(),
                agents: agents(get("ERRAND_AGENTS"))?,
                scripted: parsed("ERRAND_SCRIPTED", get("ERRAND_SCRIPTED"))?.unwrap_or(default.scripted),
                poll_page: default.poll_page,
            },
            secrets: secrets.into_iter().chain(get("ERRAND_WEBHOOK_URL")).collect(),
        })
    }
}

fn shards(get: impl Fn(&str) -> Option<String>) -> Result<Shards, ConfigError> {
    let default = Shards::default();
    let number = |name: &str, default: u16| match parsed::<u16>(name, get(name))? {
        None => Ok(default),
        Some(n) if (1..=Shards::MOST).contains(&n) => Ok(n),
        Some(n) => Err(malformed(name, n.to_string(), format!("expected 1 to {}", Shards::MOST))),
    };
    Ok(Shards {
        due: number("ERRAND_DUE_SHARDS", default.due)?,
        queue: number("ERRAND_LIST_SHARDS", default.queue)?,
        user: number("ERRAND_USER_SHARDS", default.user)?,
    })
}

fn max_retries(value: Option<String>) -> Result<Option<u32>, ConfigError> {
    let name = "ERRAND_MAX_RETRIES";
    match parsed::<u32>(name, value.clone())? {
        Some(n) if n > Task::MAX_RETRIES => {
            Err(malformed(name, value.unwrap_or_default(), format!("at most {}", Task::MAX_RETRIES)))
        }
        n => Ok(n),
    }
}

/// What an environment variable of this process holds.
pub fn variable(name: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    std::env::var(name).ok()
}

/// The variable that names a queue's URL.
pub fn queue_variable(queue: QueueName) -> String {
    format!("ERRAND_QUEUE_{}", queue.as_str().to_uppercase().replace('-', "_"))
}

fn agents(value: Option<String>) -> Result<AgentRules, ConfigError> {
    let Some(text) = value else { return Ok(AgentRules::default()) };
    let wrong =
        |error: FieldError| malformed("ERRAND_AGENTS", text.clone(), format!("{}: {}", error.field, error.message));
    AgentRules::read(&text).map_err(wrong)
}

/// A list of principals, separated by commas. A comma with a space after it separates, too; and nobody is without a name.
pub fn principals(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|principal| !principal.is_empty()).map(str::to_owned).collect()
}

fn sink(url: Option<String>) -> Result<Sink, ConfigError> {
    let Some(url) = url else { return Ok(Sink::default()) };
    // It may carry a secret, which a log line must not.
    let malformed = |error: &dyn Display| malformed("ERRAND_WEBHOOK_URL", "…".to_owned(), error);
    let parsed = url.parse().map_err(|error: <reqwest::Url as FromStr>::Err| malformed(&error))?;
    let webhook = Webhook::new(parsed).map_err(|error| malformed(&error))?;
    Ok(Sink::webhook(webhook))
}

fn parsed<T: FromStr<Err: Display>>(name: &str, value: Option<String>) -> Result<Option<T>, ConfigError> {
    let parse = |value: String| value.parse().map_err(|error| malformed(name, value, error));
    value.map(parse).transpose()
}

/// The same, for texts of a form.
fn read_as<T: TryFrom<String, Error: Display>>(name: &str, value: Option<String>) -> Result<Option<T>, ConfigError> {
    let read = |value: String| T::try_from(value.clone()).map_err(|error| malformed(name, value, error));
    value.map(read).transpose()
}

fn malformed(name: &str, value: String, problem: impl Display) -> ConfigError {
    ConfigError::Malformed { name: name.to_owned(), value, problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::BusEvents;

    const GIVEN: [(&str, &str); 4] = [
        ("ERRAND_STACK", "errand"),
        ("ERRAND_TASKS_TABLE", "tasks"),
        ("ERRAND_LOG_TABLE", "log"),
        ("ERRAND_QUEUE_DEAD_LETTER", "https://sqs/dead-letter"),
    ];

    const PROFILES: &str = r#"{"default": {"kind": "extractive"}, "fast": {"kind": "openai", "model": "m",
        "endpoint": "http://127.0.0.1/v1", "api_key_env": "MODEL_KEY"}}"#;

    #[test]
    fn profiles_that_cannot_be_used_are_said_without_their_text() {
        let error = read(&[("ERRAND_PROFILES", PROFILES)], "").unwrap_err().to_string();
        let expected = "profile `fast` takes its key from the environment variable MODEL_KEY, which is not set";
        assert!(
            error.starts_with("the environment variable ERRAND_PROFILES is ") && error.ends_with(expected),
            "{error}"
        );
        assert!(!error.contains("127.0.0.1"), "{error}");
    }

    fn read(more: &[(&str, &str)], without: &str) -> Result<Deployment, ConfigError> {
        let get = |name: &str| {
            let given = more.iter().chain(&GIVEN).find(|(n, _)| *n == name && *n != without);
            given.map(|(_, value)| (*value).to_owned())
        };
        Deployment::read(get, &[QueueName::DeadLetter])
    }

    #[test]
    fn a_missing_variable_is_named() {
        for (name, _) in GIVEN {
            let error = read(&[], name).unwrap_err();
            assert_eq!(error.to_string(), format!("the environment variable {name} is not set"));
        }
    }

    #[test]
    fn a_malformed_variable_is_named_with_its_value() {
        for name in [
            "ERRAND_MAX_RETRIES",
            "ERRAND_MAX_LOSSES",
            "ERRAND_LOG_RETENTION_DAYS",
            "ERRAND_FOUNDER_LINKEDIN_URL",
            "ERRAND_BUS_EVENTS",
            "ERRAND_SCRIPTED",
            "ERRAND_DUE_SHARDS",
        ] {
            let error = read(&[(name, "many")], "").unwrap_err().to_string();
            assert!(error.starts_with(&format!("the environment variable {name} is \"many\": ")), "{error}");
        }
        for n in ["0", "1025"] {
            assert!(read(&[("ERRAND_USER_SHARDS", n)], "").unwrap_err().to_string().ends_with("expected 1 to 1024"));
        }
        // But for the one that may carry a secret.
        let error = read(&[("ERRAND_WEBHOOK_URL", "hooks.example/s3cret")], "").unwrap_err();
        let said = "the environment variable ERRAND_WEBHOOK_URL is \"…\": relative URL without a base";
        assert_eq!((error.to_string(), format!("{error:?}")), (said.to_owned(), said.to_owned()));
    }

    #[test]
    fn what_is_given_is_taken_and_the_rest_has_its_default() {
        let given = [
            ("ERRAND_MAX_RETRIES", "0"),
            ("ERRAND_TASK_RETENTION_DAYS", "7"),
            ("ERRAND_VERIFIERS", "arn:a, arn:b,"),
            ("ERRAND_WEBHOOK_URL", "http://127.0.0.1/hook"),
            ("ERRAND_FOUNDER_LINKEDIN_URL", "https://www.linkedin.com/in/founder"),
            ("ERRAND_PROFILES", PROFILES),
            ("ERRAND_EVENT_BUS", "errand"),
            ("ERRAND_BUS_EVENTS", "all"),
            ("ERRAND_SCRIPTED", "true"),
            ("ERRAND_LIST_SHARDS", "40"),
            ("MODEL_KEY", "k-12345678"),
            // Who only shows them needs no key for it, and no backend.
            ("ERRAND_SHOWN_PROFILES", r#"{"default": {"kind": "bedrock", "model": "nova"}}"#),
        ];
        let read = read(&given, "").unwrap();
        assert_eq!((read.tasks_table.as_str(), read.log_table.as_str()), ("tasks", "log"));
        assert_eq!((read.settings.max_retries, read.settings.max_losses), (0, 5));
        assert_eq!(read.settings.verifiers, ["arn:a", "arn:b"]);
        assert_eq!(read.retention, Retention { tasks: Duration::from_secs(7 * 86_400), ..Retention::default() });
        assert!(read.settings.sink.webhook.is_some() && read.settings.scripted);
        assert_eq!(read.shards, Shards { queue: 40, ..Shards::default() });
        assert_eq!((read.bus.as_deref(), read.settings.bus_events), (Some("errand"), BusEvents::All));
        assert_eq!(read.settings.founder_linkedin_url.unwrap().person(), "founder");
        assert!(read.settings.chat.get("fast").is_ok());
        let shown: Vec<&str> = read.settings.shown_backends.iter().flatten().map(|view| view.model.as_str()).collect();
        assert_eq!(shown, ["nova"]);
        assert_eq!(read.secrets, ["k-12345678", "http://127.0.0.1/hook"]);
    }
}
