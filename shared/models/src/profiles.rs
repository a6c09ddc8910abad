//! The configured backends, by name.

mod written;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;

use self::written::{Making, Written};
use crate::{ChatAnswer, ChatBackend, ChatError, ChatRequest, Extractive, Prices};
use errand::{
    FieldError, Name,
    spi::environment::{ConfigError, Environment},
};

/// A backend, and what it costs.
#[derive(Clone, Debug)]
pub struct Profile {
    /// What answers.
    pub backend: Arc<dyn ChatBackend>,
    /// What may be told of it.
    pub view: ProfileView,
    /// What its tokens cost, if that is known.
    pub prices: Option<Prices>,
}

/// A profile as it is shown: nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ProfileView {
    /// What it is asked for by.
    pub name: Name,
    /// What kind of backend answers: `openai`, `bedrock`, `extractive` or `scripted`.
    pub kind: &'static str,
    /// The model that is asked for.
    pub model: String,
    /// Where it is asked: scheme, host and port. The rest of a URL may carry a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whether it is known what its tokens cost.
    pub prices_known: bool,
    /// How long a call may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f32>,
    /// How many tokens it reads and writes at once.
    pub context_tokens: u32,
    /// How many it may write in one answer, if the profile says so for whatever it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_tokens: Option<u32>,
    /// Whether nobody has configured it: it stands in where no model is. What needs a model is not asked of it.
    #[serde(skip)]
    pub stands_in: bool,
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
    /// This program cannot ask Bedrock.
    #[error(
        "profile `{profile}` is of kind `bedrock`, which this program is built without: only AWS functions have it"
    )]
    NoBedrock {
        /// Which profile.
        profile: Name,
    },
    /// A script has nothing to say.
    #[error("profile `{profile}` needs `answers`, each with a text, a tool call or a failure")]
    EmptyScript {
        /// Which profile.
        profile: Name,
    },
    /// There is no client for its endpoint.
    #[error("profile `{profile}` cannot be used")]
    Client {
        /// Which profile.
        profile: Name,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[cfg(feature = "bedrock")]
const BEDROCK: Option<written::MakeBedrock> = Some(|written| {
    let region = written.region.clone().map(aws_config::Region::new);
    let bedrock = super::Bedrock::new(written.model.clone(), region, written.timeout_s.0);
    Arc::new(bedrock.with_parameters(written.parameters.0.clone()))
});
#[cfg(not(feature = "bedrock"))]
const BEDROCK: Option<written::MakeBedrock> = None;

/// Answers nobody.
#[derive(Debug)]
struct NotAsked;

#[async_trait]
impl ChatBackend for NotAsked {
    async fn chat(&self, _: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        Err(ChatError::Refused("this program runs no tasks, and is built to ask no model".to_owned()))
    }
}

impl Default for Profiles {
    /// `default`: extractive, which stands in for a model.
    fn default() -> Self {
        let view = ProfileView { stands_in: true, ..Written::Extractive {}.view(Name::default()) };
        let profile = Profile { backend: Arc::new(Extractive), prices: Some(Prices::default()), view };
        Self([(Name::default(), profile)].into())
    }
}

impl FromIterator<(Name, Profile)> for Profiles {
    /// Of backends made elsewhere; one must be `default`.
    fn from_iter<I: IntoIterator<Item = (Name, Profile)>>(profiles: I) -> Self {
        Self(profiles.into_iter().collect())
    }
}

impl Profiles {
    /// Reads `{"name": {"kind", …}, …}`; `variable` answers what an environment variable holds. Also answers the keys,
    /// which are secrets.
    pub fn read(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<(Self, Vec<String>), ProfilesError> {
        Self::made(text, &Making { variable, bedrock: BEDROCK })
    }

    fn made(text: &str, with: &Making<impl Fn(&str) -> Option<String>>) -> Result<(Self, Vec<String>), ProfilesError> {
        let (mut profiles, mut secrets) = (BTreeMap::new(), Vec::new());
        for (name, written) in written::read(text)? {
            let (profile, key) = written.make(name.clone(), with)?;
            secrets.extend(key);
            profiles.insert(name, profile);
        }
        Ok((Self(profiles), secrets))
    }

    /// Reads the variable `ERRAND_PROFILES`, and those that it takes keys from; the keys are kept secret.
    pub fn of_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let name = "ERRAND_PROFILES";
        let Some(text) = environment.get(name) else { return Ok(Self::default()) };
        let read = Self::read(&text, |variable| environment.get(variable));
        // The value is not shown: it may be long, and somebody may have put a key into it.
        let (profiles, keys) = read.map_err(|error| ConfigError::malformed(name, "{…}", error))?;
        environment.keep_secret(keys);
        Ok(profiles)
    }

    /// Those of a program that runs no task and so asks no model: `default`, which refuses to be asked. Such a program
    /// links no client for the others.
    pub fn not_asked() -> Self {
        let Self(profiles) = Self::default();
        let refuses = |(name, profile)| (name, Profile { backend: Arc::new(NotAsked), ..profile });
        profiles.into_iter().map(refuses).collect()
    }

    /// One profile, with prices in USD for a million tokens in and out.
    pub fn of(name: &'static str, backend: Arc<dyn ChatBackend>, (tokens_in, tokens_out): (f64, f64)) -> Self {
        let view = Written::Extractive {}.view(Name::of(name));
        let prices = Prices::per_million(tokens_in, tokens_out);
        Self([(Name::of(name), Profile { backend, view, prices })].into())
    }

    /// The profile of this name.
    pub fn get(&self, name: &str) -> Result<&Profile, UnknownProfile> {
        let found = self.0.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, profile)| profile).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(Name::as_str).collect();
            UnknownProfile { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// All of them as they are shown, by name.
    pub fn views(&self) -> impl Iterator<Item = &ProfileView> {
        self.0.values().map(|profile| &profile.view)
    }

    /// The same of a text, for who shows them and asks none: no key is needed for it, and no backend made.
    pub fn views_of(text: &str) -> Result<Vec<ProfileView>, ProfilesError> {
        Ok(written::read(text)?.into_iter().map(|(name, written)| written.view(name)).collect())
    }
}

#[cfg(test)]
mod tests;
