//! What this installation's task types work with, by flag or environment.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::Args;
use errand::{
    FieldError, Registry,
    spi::{environment::Environment, json::FormError},
};
use errand_agents::{AgentRules, Agents};
use errand_models::Profiles;
use shared::{
    domain::LinkedinUrl,
    handlers::{self, Founder, Installation},
};

/// See the module.
#[derive(Args)]
pub(crate) struct Installed {
    /// JSON file of the model backends, by name; see docs/task-types.md. Without one no model is asked
    #[arg(long, env = "ERRAND_PROFILES", value_name = "FILE")]
    profiles: Option<PathBuf>,

    /// JSON file of what goes for agents: budget_zone, session_days, supervisor; see docs/task-types.md
    #[arg(long, env = "ERRAND_AGENTS", value_name = "FILE")]
    agents: Option<PathBuf>,

    /// LinkedIn profile whose connections are known to be who they say
    #[arg(long, env = "ERRAND_FOUNDER_LINKEDIN_URL", value_name = "URL", value_parser = linkedin_url)]
    founder_linkedin_url: Option<LinkedinUrl>,

    /// Take tasks of the type `scripted`, which do what they are told: for tests and measurements
    #[arg(long, env = "ERRAND_SCRIPTED")]
    pub(crate) scripted: bool,
}

impl Installed {
    /// The task types, with what they work with; the keys of models are kept secret.
    pub(crate) fn types(&self, environment: &Environment) -> anyhow::Result<Registry> {
        let profiles = self.profiles.as_deref().map(|path| profiles(path, environment)).transpose()?;
        let rules = self.agents.as_deref().map(agents).transpose()?;
        let agents =
            Agents { profiles: profiles.unwrap_or_default(), shown: None, rules: Arc::new(rules.unwrap_or_default()) };
        let founder = Founder(self.founder_linkedin_url.clone());
        Ok(handlers::types(&Installation { agents, founder, scripted: self.scripted }))
    }
}

/// The model backends of a file.
fn profiles(path: &Path, environment: &Environment) -> anyhow::Result<Profiles> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("the profiles {} could not be read", path.display()))?;
    let read = Profiles::read(&text, |variable| environment.get(variable));
    let (profiles, keys) = read.with_context(|| format!("the profiles {} cannot be used", path.display()))?;
    environment.keep_secret(keys);
    Ok(profiles)
}

/// What goes for agents, from a file.
fn agents(path: &Path) -> anyhow::Result<AgentRules> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("the rules {} could not be read", path.display()))?;
    let wrong = |error: FieldError| anyhow::anyhow!("{}: {}", error.field, error.message);
    AgentRules::read(&text).map_err(wrong).with_context(|| format!("the rules {} cannot be used", path.display()))
}

fn linkedin_url(text: &str) -> Result<LinkedinUrl, FormError> {
    LinkedinUrl::try_from(text.to_owned())
}
