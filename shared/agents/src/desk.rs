//! What agents work with, besides the task's own services.

use std::sync::Arc;

use crate::AgentRules;
use errand::{
    App, FieldError,
    spi::environment::{ConfigError, Environment},
};
use errand_http::ApiError;
use errand_models::{ProfileView, Profiles};

/// The model backends that agents ask, and what goes for them.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    /// The model backends, by name.
    pub profiles: Profiles,
    /// The model backends that other functions ask, for one that only tells of them; `None`: those of `profiles`.
    pub shown: Option<Vec<ProfileView>>,
    /// What goes for agents.
    pub rules: Arc<AgentRules>,
}

impl Agents {
    /// Those of `app`'s installation, if it has any.
    pub fn of(app: &App) -> Result<&Self, ApiError> {
        app.types.state().ok_or_else(|| ApiError::not_found("this installation has no agents"))
    }

    /// With these `profiles`; reads the variables `ERRAND_SHOWN_PROFILES` and `ERRAND_AGENTS`.
    pub fn of_environment(environment: &Environment, profiles: Profiles) -> Result<Self, ConfigError> {
        let name = "ERRAND_SHOWN_PROFILES";
        let shown = environment.get(name).map(|text| Profiles::views_of(&text)).transpose();
        let rules = environment.get("ERRAND_AGENTS").map(|text| {
            let wrong = |error: FieldError| format!("{}: {}", error.field, error.message);
            AgentRules::read(&text)
                .map_err(|error| ConfigError::malformed("ERRAND_AGENTS", text.as_str(), wrong(error)))
        });
        Ok(Self {
            profiles,
            shown: shown.map_err(|error| ConfigError::malformed(name, "{…}", error))?,
            rules: Arc::new(rules.transpose()?.unwrap_or_default()),
        })
    }

    /// The model backends there are, as they are shown.
    pub fn backends(&self) -> Vec<ProfileView> {
        self.shown.clone().unwrap_or_else(|| self.profiles.views().cloned().collect())
    }
}
