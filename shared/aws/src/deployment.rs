//! What a function on AWS is told by its environment.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use crate::{Shards, relay::BusEvents};
use errand::{
    Rules, Task,
    spi::{
        environment::{ConfigError, Environment, principals},
        queue::QueueName,
        store::Retention,
    },
};
use errand_outbound::{Allowance, Keyring, TargetClient};
use reqwest::Url;

/// See the module.
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
    /// Which changes of tasks are told on the bus.
    pub bus_events: BusEvents,
    /// What the installation decides.
    pub rules: Rules,
    /// The URL of the webhook, of the functions that must know of it. It may carry a secret.
    pub webhook: Option<Url>,
    /// The API's URL, of the functions that push tasks: who is called answers there later.
    pub public_url: Option<String>,
    /// What seals secrets in the tables, of the functions that handle some.
    pub keyring: Option<Arc<Keyring>>,
    /// Where those may be who are called.
    pub targets: Allowance,
    /// Where Lambda hands the function its work. Who would call that in its name could take some, and answer it.
    pub runtime: Option<SocketAddr>,
}

impl Deployment {
    /// Reads `environment`; `queues` are those the function uses.
    pub fn read(environment: &Environment, queues: &[QueueName]) -> Result<Self, ConfigError> {
        let days = |name: &str, default: Duration| -> Result<Duration, ConfigError> {
            let days = environment.parsed::<u32>(name)?;
            Ok(days.map_or(default, |n| Duration::from_secs(u64::from(n) * 24 * 3600)))
        };
        let retention = Retention::default();
        let url = |queue: &QueueName| Ok((*queue, environment.required(&queue_variable(*queue))?));
        Ok(Self {
            stack: environment.required("ERRAND_STACK")?,
            tasks_table: environment.required("ERRAND_TASKS_TABLE")?,
            log_table: environment.required("ERRAND_LOG_TABLE")?,
            retention: Retention {
                tasks: days("ERRAND_TASK_RETENTION_DAYS", retention.tasks)?,
                log: days("ERRAND_LOG_RETENTION_DAYS", retention.log)?,
                rules: environment.parsed("ERRAND_TASK_RETENTION")?.unwrap_or_default(),
            },
            shards: shards(environment)?,
            queues: queues.iter().map(url).collect::<Result<_, _>>()?,
            bus: environment.get("ERRAND_EVENT_BUS"),
            bus_events: environment.parsed("ERRAND_BUS_EVENTS")?.unwrap_or_default(),
            rules: rules(environment)?,
            webhook: webhook(environment)?,
            public_url: environment.get(PUBLIC_URL),
            keyring: keyring(environment)?.map(Arc::new),
            targets: match environment.parsed(PRIVATE_TARGETS)?.unwrap_or_default() {
                true => Allowance::Private,
                false => Allowance::PublicHttps,
            },
            // A name in place of an address is that of an emulator.
            runtime: environment.get("AWS_LAMBDA_RUNTIME_API").and_then(|at| at.parse().ok()),
        })
    }

    /// A client of those whom users name.
    pub fn target_client(&self) -> Result<TargetClient, ConfigError> {
        let client = TargetClient::new(self.targets, self.runtime);
        client.map_err(|error| ConfigError::malformed("the trusted certificates", "…", error))
    }
}

fn shards(environment: &Environment) -> Result<Shards, ConfigError> {
    let default = Shards::default();
    let number = |name: &str, default: u16| match environment.parsed::<u16>(name)? {
        None => Ok(default),
        Some(n) if (1..=Shards::MOST).contains(&n) => Ok(n),
        Some(n) => Err(ConfigError::malformed(name, n.to_string(), format!("expected 1 to {}", Shards::MOST))),
    };
    Ok(Shards {
        due: number("ERRAND_DUE_SHARDS", default.due)?,
        queue: number("ERRAND_LIST_SHARDS", default.queue)?,
        user: number("ERRAND_USER_SHARDS", default.user)?,
    })
}

fn rules(environment: &Environment) -> Result<Rules, ConfigError> {
    let default = Rules::default();
    let name = "ERRAND_MAX_RETRIES";
    let max_retries = match environment.parsed::<u32>(name)? {
        Some(n) if n > Task::MAX_RETRIES => {
            return Err(ConfigError::malformed(name, n.to_string(), format!("at most {}", Task::MAX_RETRIES)));
        }
        n => n.unwrap_or(default.max_retries),
    };
    Ok(Rules {
        max_retries,
        max_losses: environment.parsed("ERRAND_MAX_LOSSES")?.unwrap_or(default.max_losses),
        verifiers: environment.get("ERRAND_VERIFIERS").map(|list| principals(&list)).unwrap_or_default(),
        scopes: environment.parsed("ERRAND_TOKEN_SCOPES")?.unwrap_or_default(),
        ..default
    })
}

/// The variable that names a queue's URL.
pub fn queue_variable(queue: QueueName) -> String {
    format!("ERRAND_QUEUE_{}", queue.as_str().to_uppercase().replace('-', "_"))
}

/// The variable that names the webhook's URL.
pub(crate) const WEBHOOK: &str = "ERRAND_WEBHOOK_URL";

fn webhook(environment: &Environment) -> Result<Option<Url>, ConfigError> {
    let Some(url) = environment.get(WEBHOOK) else { return Ok(None) };
    // It may carry a secret, which a log line must not.
    let parsed = Url::parse(&url).map_err(|error| ConfigError::malformed(WEBHOOK, "…", error))?;
    environment.keep_secret([url]);
    Ok(Some(parsed))
}

/// The variable that names the API's URL.
pub(crate) const PUBLIC_URL: &str = "ERRAND_PUBLIC_URL";

/// The variable that holds the installation's key. Lambda keeps it under a key of KMS, and unwraps it when a process starts:
/// the function itself need not ask for that.
const SECRET_KEY: &str = "ERRAND_SECRET_KEY";

/// The variable that says whether targets may be in private networks.
const PRIVATE_TARGETS: &str = "ERRAND_ALLOW_PRIVATE_TARGETS";

fn keyring(environment: &Environment) -> Result<Option<Keyring>, ConfigError> {
    let Some(key) = environment.get(SECRET_KEY) else { return Ok(None) };
    let keyring = Keyring::read(&key).map_err(|error| ConfigError::malformed(SECRET_KEY, "…", error))?;
    environment.keep_secret([key]);
    Ok(Some(keyring))
}

#[cfg(test)]
mod tests {
    use errand_outbound::NotAllowed;

    use super::*;

    const GIVEN: [(&str, &str); 4] = [
        ("ERRAND_STACK", "errand"),
        ("ERRAND_TASKS_TABLE", "tasks"),
        ("ERRAND_LOG_TABLE", "log"),
        ("ERRAND_QUEUE_DEAD_LETTER", "https://sqs/dead-letter"),
    ];

    fn environment(more: &[(&str, &str)], without: &str) -> Environment {
        let given = more.iter().chain(&GIVEN).filter(|(name, _)| *name != without);
        let given: BTreeMap<String, String> = given.rev().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Environment::of(move |name| given.get(name).cloned())
    }

    fn read(more: &[(&str, &str)], without: &str) -> Result<Deployment, ConfigError> {
        Deployment::read(&environment(more, without), &[QueueName::DeadLetter])
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
            "ERRAND_BUS_EVENTS",
            "ERRAND_DUE_SHARDS",
            "ERRAND_ALLOW_PRIVATE_TARGETS",
        ] {
            let error = read(&[(name, "many")], "").unwrap_err().to_string();
            assert!(error.starts_with(&format!("the environment variable {name} is \"many\": ")), "{error}");
        }
        for n in ["0", "1025"] {
            assert!(read(&[("ERRAND_USER_SHARDS", n)], "").unwrap_err().to_string().ends_with("expected 1 to 1024"));
        }
        assert!(read(&[("ERRAND_MAX_RETRIES", "101")], "").unwrap_err().to_string().ends_with("at most 100"));
        // But for the one that may carry a secret.
        let error = read(&[("ERRAND_WEBHOOK_URL", "hooks.example/s3cret")], "").unwrap_err();
        let said = "the environment variable ERRAND_WEBHOOK_URL is \"…\": relative URL without a base";
        assert_eq!((error.to_string(), format!("{error:?}")), (said.to_owned(), said.to_owned()));
        let error = read(&[("ERRAND_SECRET_KEY", "s3cret")], "").unwrap_err().to_string();
        assert_eq!(error, "the environment variable ERRAND_SECRET_KEY is \"…\": expected the base64 of 32 bytes");
    }

    #[test]
    fn what_is_given_is_taken_and_the_rest_has_its_default() {
        let given = [
            ("ERRAND_MAX_RETRIES", "0"),
            ("ERRAND_TASK_RETENTION_DAYS", "7"),
            ("ERRAND_TASK_RETENTION", "queue:mail=2"),
            ("ERRAND_VERIFIERS", "arn:a, arn:b,"),
            ("ERRAND_WEBHOOK_URL", "http://127.0.0.1/hook"),
            ("ERRAND_EVENT_BUS", "errand"),
            ("ERRAND_BUS_EVENTS", "all"),
            ("ERRAND_LIST_SHARDS", "40"),
            ("ERRAND_SECRET_KEY", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="),
        ];
        let environment = environment(&given, "");
        let read = Deployment::read(&environment, &[QueueName::DeadLetter]).unwrap();
        assert_eq!((read.tasks_table.as_str(), read.log_table.as_str()), ("tasks", "log"));
        assert_eq!((read.rules.max_retries, read.rules.max_losses), (0, 5));
        assert_eq!(read.rules.verifiers, ["arn:a", "arn:b"]);
        let days = |n: u64| Duration::from_secs(n * 86_400);
        let rules = "queue:mail=2".parse().unwrap();
        assert_eq!(read.retention, Retention { tasks: days(7), rules, ..Retention::default() });
        assert!(read.webhook.is_some());
        assert_eq!(read.shards, Shards { queue: 40, ..Shards::default() });
        assert_eq!((read.bus.as_deref(), read.bus_events), (Some("errand"), BusEvents::All));
        assert!(read.keyring.is_some());
        assert_eq!((read.targets, read.runtime), (Allowance::PublicHttps, None));
        assert_eq!(environment.secrets(), ["http://127.0.0.1/hook", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="]);
    }

    #[tokio::test]
    async fn who_may_call_into_private_networks_may_not_call_what_hands_it_its_work() {
        // Something answers there, as Lambda's would.
        let runtime = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = runtime.local_addr().unwrap().to_string();
        let given = [("ERRAND_ALLOW_PRIVATE_TARGETS", "true"), ("AWS_LAMBDA_RUNTIME_API", at.as_str())];
        let read = read(&given, "").unwrap();
        assert_eq!(read.targets, Allowance::Private);
        let next = Url::parse(&format!("http://{at}/2018-06-01/runtime/invocation/next")).unwrap();
        let refused = read.target_client().unwrap().admit(&next);
        assert_eq!(refused.unwrap_err(), NotAllowed::Ourselves);
    }
}
