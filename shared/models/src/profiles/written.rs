//! Profiles as they are written: a JSON object of `{"name": {"kind", …}}`.

mod values;

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use crate::{
    ChatBackend, Extractive, OpenAi, ScriptedModel, extractive,
    http::WebUrl,
    price::{Price, Prices},
    profiles::{Profile, ProfileView, ProfilesError},
    scripted,
};
use errand::{Name, spi::json::read::read_strict};

pub(super) use values::{ContextTokens, Parameters, TimeoutS};

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
