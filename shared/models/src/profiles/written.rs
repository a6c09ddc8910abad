//! Profiles as they are written: a JSON object of `{"name": {"kind", …}}`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    ChatBackend, Extractive, OpenAi, ScriptedModel, extractive,
    http::WebUrl,
    price::{Price, Prices},
    profiles::{Profile, ProfileView, ProfilesError},
    scripted,
};
use errand::{Name, spi::json::read::read_strict};

/// One profile.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Written {
    Extractive {},
    Scripted {
        answers: Vec<scripted::Line>,
        /// A script costs nothing unless it says otherwise.
        #[serde(default)]
        usd_per_million_in: Price,
        #[serde(default)]
        usd_per_million_out: Price,
        #[serde(default)]
        context_tokens: ContextTokens,
    },
    #[serde(rename = "openai")]
    OpenAi(Box<WrittenOpenAi>),
    Bedrock(Box<WrittenBedrock>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenOpenAi {
    model: String,
    endpoint: WebUrl,
    /// The environment variable that holds the key; absent: asked without one.
    #[serde(default)]
    api_key_env: Option<String>,
    #[serde(default)]
    usd_per_million_in: Option<Price>,
    #[serde(default)]
    usd_per_million_out: Option<Price>,
    #[serde(default)]
    timeout_s: TimeoutS,
    #[serde(default)]
    context_tokens: ContextTokens,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "bedrock"), allow(dead_code))] // nothing asks it there
pub(super) struct WrittenBedrock {
    /// A model's id, an inference profile's, or the ARN of either.
    pub(super) model: String,
    /// Absent: the function's own.
    #[serde(default)]
    pub(super) region: Option<String>,
    #[serde(default)]
    usd_per_million_in: Option<Price>,
    #[serde(default)]
    usd_per_million_out: Option<Price>,
    #[serde(default)]
    pub(super) timeout_s: TimeoutS,
    #[serde(default)]
    context_tokens: ContextTokens,
    #[serde(default)]
    pub(super) parameters: Parameters,
}

/// How long a whole call may take, in seconds.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f32")]
pub(super) struct TimeoutS(pub(super) Duration);

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

/// How many tokens a model reads and writes at once.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct ContextTokens(pub(super) u32);

/// Less would hold no answer beside a question.
const LEAST_CONTEXT: u32 = 1000;

impl Default for ContextTokens {
    /// What nearly every model has that is offered today, small ones for one machine included.
    fn default() -> Self {
        Self(32_000)
    }
}

impl TryFrom<u32> for ContextTokens {
    type Error = String;
    fn try_from(tokens: u32) -> Result<Self, String> {
        if tokens >= LEAST_CONTEXT {
            return Ok(Self(tokens));
        }
        Err(format!("context_tokens must be {LEAST_CONTEXT} or more, not {tokens}"))
    }
}

/// What is sent in each request besides what is asked.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct Parameters(pub(super) Map<String, Value>);

/// What a profile says elsewhere, and what we could not read the answer of.
const NOT_PARAMETERS: [&str; 4] = ["model", "messages", "stream", "stream_options"];

/// What limits an answer, as each protocol calls it.
const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "maxTokens"];

impl TryFrom<Map<String, Value>> for Parameters {
    type Error = String;
    fn try_from(parameters: Map<String, Value>) -> Result<Self, String> {
        if let Some(name) = NOT_PARAMETERS.iter().find(|name| parameters.contains_key(**name)) {
            return Err(format!("`{name}` is not a profile's to say by its parameters"));
        }
        let is_count = |limit: &Value| limit.as_u64().is_some_and(|limit| (1..=u64::from(u32::MAX)).contains(&limit));
        let wrong = |name: &&&str| parameters.get(**name).is_some_and(|limit| !is_count(limit));
        match LIMITS.iter().find(wrong) {
            Some(name) => Err(format!("`{name}` must be a number of tokens")),
            None => Ok(Self(parameters)),
        }
    }
}

impl Parameters {
    /// How long an answer may be, if they say so.
    fn answer_tokens(&self) -> Option<u32> {
        let limits = LIMITS.iter().filter_map(|name| self.0.get(*name)?.as_u64());
        limits.max().and_then(|limit| u32::try_from(limit).ok())
    }
}

/// Makes the backend of a kind that not every program has.
pub(super) type MakeBedrock = fn(&WrittenBedrock) -> Arc<dyn ChatBackend>;

/// What there is to make a profile with.
pub(super) struct Making<V> {
    /// What an environment variable holds.
    pub(super) variable: V,
    /// None where it is not built in.
    pub(super) bedrock: Option<MakeBedrock>,
}

/// Reads them all; one must be `default`.
pub(super) fn read(text: &str) -> Result<BTreeMap<Name, Written>, ProfilesError> {
    let written: BTreeMap<Name, Written> = read_strict(text).map_err(ProfilesError::Json)?;
    if written.contains_key(&Name::default()) { Ok(written) } else { Err(ProfilesError::NoDefault) }
}

impl Written {
    /// What of it may be shown.
    pub(super) fn view(&self, name: Name) -> ProfileView {
        let (kind, model, endpoint, timeout) = match self {
            Written::Extractive {} => ("extractive", extractive::MODEL, None, None),
            Written::Scripted { .. } => ("scripted", scripted::MODEL, None, None),
            Written::OpenAi(openai) => {
                let origin = openai.endpoint.url().origin().ascii_serialization();
                ("openai", openai.model.as_str(), Some(origin), Some(openai.timeout_s))
            }
            Written::Bedrock(bedrock) => ("bedrock", bedrock.model.as_str(), None, Some(bedrock.timeout_s)),
        };
        let (model, timeout_s) = (model.to_owned(), timeout.map(|TimeoutS(timeout)| timeout.as_secs_f32()));
        let (prices_known, ContextTokens(context_tokens)) = (self.prices().is_some(), self.context());
        let answer_tokens = match self {
            Written::Extractive {} | Written::Scripted { .. } => None,
            Written::OpenAi(openai) => openai.parameters.answer_tokens(),
            Written::Bedrock(bedrock) => bedrock.parameters.answer_tokens(),
        };
        ProfileView {
            name,
            kind,
            model,
            endpoint,
            prices_known,
            timeout_s,
            context_tokens,
            answer_tokens,
            stands_in: false,
        }
    }

    fn context(&self) -> ContextTokens {
        match self {
            Written::Extractive {} => ContextTokens::default(),
            Written::Scripted { context_tokens, .. } => *context_tokens,
            Written::OpenAi(openai) => openai.context_tokens,
            Written::Bedrock(bedrock) => bedrock.context_tokens,
        }
    }

    fn prices(&self) -> Option<Prices> {
        let (tokens_in, tokens_out) = match self {
            Written::Extractive {} => return Some(Prices::default()),
            Written::Scripted { usd_per_million_in, usd_per_million_out, .. } => {
                (Some(*usd_per_million_in), Some(*usd_per_million_out))
            }
            Written::OpenAi(openai) => (openai.usd_per_million_in, openai.usd_per_million_out),
            Written::Bedrock(bedrock) => (bedrock.usd_per_million_in, bedrock.usd_per_million_out),
        };
        tokens_in.zip(tokens_out).map(|(tokens_in, tokens_out)| Prices { tokens_in, tokens_out })
    }

    /// Makes it; also answers its key, which is a secret.
    pub(super) fn make<V: Fn(&str) -> Option<String>>(
        self,
        name: Name,
        with: &Making<V>,
    ) -> Result<(Profile, Option<String>), ProfilesError> {
        let (view, prices) = (self.view(name.clone()), self.prices());
        let (backend, key): (Arc<dyn ChatBackend>, _) = match self {
            Written::Extractive {} => (Arc::new(Extractive), None),
            Written::Scripted { answers, .. } => {
                let scripted = ScriptedModel::new(answers).ok_or(ProfilesError::EmptyScript { profile: name })?;
                (Arc::new(scripted), None)
            }
            Written::OpenAi(openai) => {
                let key = openai.key(&name, &with.variable)?;
                let WrittenOpenAi { model, endpoint, timeout_s, parameters, .. } = *openai;
                let backend = OpenAi::new(endpoint.url(), model, key.clone(), timeout_s.0);
                let no_client = |error| ProfilesError::Client { profile: name, source: Box::new(error) };
                (Arc::new(backend.map_err(no_client)?.with_parameters(parameters.0)), key)
            }
            Written::Bedrock(bedrock) => {
                let make = with.bedrock.ok_or(ProfilesError::NoBedrock { profile: name })?;
                (make(&bedrock), None)
            }
        };
        Ok((Profile { backend, prices, view }, key))
    }
}

impl WrittenOpenAi {
    fn key(&self, profile: &Name, get: impl Fn(&str) -> Option<String>) -> Result<Option<String>, ProfilesError> {
        let Some(variable) = &self.api_key_env else { return Ok(None) };
        let no_key = || ProfilesError::NoKey { profile: profile.clone(), variable: variable.clone() };
        get(variable).filter(|key| !key.is_empty()).map(Some).ok_or_else(no_key)
    }
}
