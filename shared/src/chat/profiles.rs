//! The configured backends, by name.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;

use super::{ChatBackend, Extractive, OpenAi, Usage};
use crate::{
    api::read::{FieldError, read_strict},
    ids::Name,
};

/// A backend, and what it costs.
#[derive(Clone, Debug)]
pub struct Profile {
    /// What answers.
    pub backend: Arc<dyn ChatBackend>,
    prices: Option<Prices>,
}

/// USD for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Prices {
    tokens_in: f64,
    tokens_out: f64,
}

/// Every profile of this installation.
#[derive(Clone, Debug)]
pub struct Profiles(BTreeMap<Name, Profile>);

/// There is no profile of this name, and no other takes its place.
#[derive(Debug, thiserror::Error)]
#[error("there is no model profile `{name}`; known are {known}")]
pub struct UnknownProfile {
    name: String,
    known: String,
}

/// Why profiles cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfilesError {
    /// Their JSON is wrong, at the field named.
    #[error("{}: {}", .0.field, .0.message)]
    Json(FieldError),
    /// `default` is what task types ask that name no other.
    #[error("there is no profile `default`, which task types use")]
    NoDefault,
    /// The variable that holds a profile's key is not set.
    #[error("profile `{profile}` takes its key from the environment variable {variable}, which is not set")]
    NoKey {
        /// Which profile.
        profile: Name,
        /// Which variable.
        variable: String,
    },
    /// There is no client for its endpoint.
    #[error("profile `{profile}` cannot be used")]
    Client {
        /// Which profile.
        profile: Name,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// One profile as it is written: `{"kind": "openai", "model": …, "endpoint": …, …}`.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Written {
    Extractive {},
    #[serde(rename = "openai")]
    OpenAi(Box<WrittenOpenAi>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOpenAi {
    model: String,
    endpoint: crate::domain::WebUrl,
    /// The environment variable that holds the key; absent: asked without one.
    #[serde(default)]
    api_key_env: Option<String>,
    #[serde(default)]
    usd_per_million_in: Option<f64>,
    #[serde(default)]
    usd_per_million_out: Option<f64>,
    #[serde(default)]
    timeout_s: TimeoutS,
}

/// How long a whole call may take, in seconds.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f32")]
struct TimeoutS(Duration);

impl Default for TimeoutS {
    /// A task type that asks a model has a minute.
    fn default() -> Self {
        Self(Duration::from_secs(45))
    }
}

impl TryFrom<f32> for TimeoutS {
    type Error = String;
    fn try_from(s: f32) -> Result<Self, String> {
        let timeout = Duration::try_from_secs_f32(s).ok().filter(|timeout| !timeout.is_zero());
        timeout.map(Self).ok_or_else(|| format!("timeout_s must be a number of seconds above 0, not {s}"))
    }
}

impl Default for Profiles {
    /// `default`: extractive.
    fn default() -> Self {
        Self([(Name::default(), Profile::extractive())].into())
    }
}

impl Profiles {
    /// Reads `{"name": {"kind", …}, …}`; `variable` answers what an environment variable holds. Also answers the keys,
    /// which are secrets.
    pub fn read(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<(Self, Vec<String>), ProfilesError> {
        let written: BTreeMap<Name, Written> = read_strict(text).map_err(ProfilesError::Json)?;
        let (mut profiles, mut secrets) = (BTreeMap::new(), Vec::new());
        for (name, written) in written {
            let profile = match written {
                Written::Extractive {} => Profile::extractive(),
                Written::OpenAi(written) => {
                    let key = written.api_key_env.as_ref().map(|variable_name| {
                        let no_key = || ProfilesError::NoKey { profile: name.clone(), variable: variable_name.clone() };
                        variable(variable_name).filter(|key| !key.is_empty()).ok_or_else(no_key)
                    });
                    let key = key.transpose()?;
                    secrets.extend(key.clone());
                    let source = |source| ProfilesError::Client { profile: name.clone(), source };
                    Profile::open_ai(*written, key).map_err(source)?
                }
            };
            profiles.insert(name, profile);
        }
        if !profiles.contains_key(&Name::default()) {
            return Err(ProfilesError::NoDefault);
        }
        Ok((Self(profiles), secrets))
    }

    /// One profile, with prices for a million tokens in and out.
    #[cfg(test)]
    pub(crate) fn of(name: &'static str, backend: Arc<dyn ChatBackend>, (tokens_in, tokens_out): (f64, f64)) -> Self {
        let profile = Profile { backend, prices: Some(Prices { tokens_in, tokens_out }) };
        Self([(Name::of(name), profile)].into())
    }

    /// The profile of this name.
    pub fn get(&self, name: &str) -> Result<&Profile, UnknownProfile> {
        let found = self.0.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, profile)| profile).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(Name::as_str).collect();
            UnknownProfile { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

impl Profile {
    fn extractive() -> Self {
        Self { backend: Arc::new(Extractive), prices: Some(Prices { tokens_in: 0.0, tokens_out: 0.0 }) }
    }

    fn open_ai(written: WrittenOpenAi, key: Option<String>) -> Result<Self, reqwest::Error> {
        let backend = OpenAi::new(written.endpoint.url(), written.model, key, written.timeout_s.0)?;
        let prices = written.usd_per_million_in.zip(written.usd_per_million_out);
        let prices = prices.map(|(tokens_in, tokens_out)| Prices { tokens_in, tokens_out });
        Ok(Self { backend: Arc::new(backend), prices })
    }

    /// What its model costs, for budgets; `None` if that is not known.
    pub fn prices(&self) -> Option<crate::agent::Prices> {
        self.prices.and_then(|p| crate::agent::Prices::per_million(p.tokens_in, p.tokens_out))
    }

    /// What so many tokens cost in USD, if the profile has prices.
    #[allow(clippy::cast_precision_loss)] // a price needs no more than 52 bits
    pub fn cost(&self, usage: Usage) -> Option<f64> {
        let million = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        self.prices.map(|p| million(usage.tokens_in, p.tokens_in) + million(usage.tokens_out, p.tokens_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Profiles, Vec<String>), String> {
        let variable = |name: &str| (name == "KEY").then(|| "k-12345678".to_owned());
        Profiles::read(text, variable).map_err(|error| error.to_string())
    }

    #[test]
    fn profiles_are_read_with_their_keys_and_prices() {
        let text = r#"{"default": {"kind": "extractive"}, "fast": {"kind": "openai", "model": "m",
            "endpoint": "http://127.0.0.1:1/v1", "api_key_env": "KEY", "usd_per_million_in": 1.0, "usd_per_million_out": 2.0}}"#;
        let (profiles, secrets) = read(text).unwrap();
        assert_eq!(secrets, ["k-12345678"]);
        let cost = profiles.get("fast").unwrap().cost(Usage { tokens_in: 1_000_000, tokens_out: 500_000 });
        assert_eq!(cost, Some(2.0));
        assert_eq!(profiles.get("fast").unwrap().prices(), crate::agent::Prices::per_million(1.0, 2.0));
        assert!(!format!("{profiles:?}").contains("k-1234"), "{profiles:?}");
    }

    #[test]
    fn an_unknown_profile_is_an_error_and_no_other_takes_its_place() {
        let error = Profiles::default().get("fast").unwrap_err().to_string();
        assert_eq!(error, "there is no model profile `fast`; known are default");
    }

    #[test]
    fn what_is_wrong_with_profiles_is_said() {
        for (text, expected) in [
            ("{}", "there is no profile `default`, which task types use"),
            (r#"{"default": {"kind": "oracle"}}"#, "unknown variant `oracle`"),
            (r#"{"default": {"kind": "openai", "model": "m"}}"#, "missing field `endpoint`"),
            (r#"{"default": {"kind": "openai", "model": "m", "endpoint": "here"}}"#, "expected an http(s) URL"),
            (r#"{"default": {"kind": "openai", "model": "m", "endpoint": "http://h", "timeout_s": -1}}"#, "timeout_s"),
            (
                r#"{"default": {"kind": "openai", "model": "m", "endpoint": "http://h", "key": "k"}}"#,
                "unknown field `key`",
            ),
            (
                r#"{"default": {"kind": "openai", "model": "m", "endpoint": "http://h", "api_key_env": "NONE"}}"#,
                "profile `default` takes its key from the environment variable NONE, which is not set",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
