//! The config file: servers by name, and the one that is asked if nobody says otherwise.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use errand::spi::environment::Environment;
use serde::{Deserialize, Serialize};

use super::trouble::Trouble;

/// What the file holds, and where it is.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    #[serde(skip)]
    pub(crate) path: PathBuf,
    /// The one that is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Kept>,
}

/// A context as the file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// A file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// A variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_env: Option<String>,
    /// The token itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// The profile of the `aws` command whose keys sign requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aws_profile: Option<String>,
}

/// Where a server is and what it is told of who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) aws_profile: Option<String>,
}

impl Contexts {
    /// The file's; none if there is no file.
    pub(crate) fn read(variables: &Environment) -> Result<Self, Trouble> {
        let Some(path) = path(&|name| variables.get(name)) else { return Ok(Self::default()) };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self { path, ..Self::default() }),
            Err(error) => return Err(wrong(&path, &error)),
        };
        let contexts: Self = serde_json::from_str(&text).map_err(|error| wrong(&path, &error))?;
        let mode = fs::metadata(&path).map_err(|error| wrong(&path, &error))?.permissions().mode();
        if mode & 0o077 != 0 && contexts.contexts.values().any(|kept| kept.token.is_some()) {
            return Err(wrong(&path, &"others can read the tokens in it: `chmod 600` it"));
        }
        Ok(Self { path, ..contexts })
    }

    /// Writes the file, for its owner alone; whole, or not at all.
    pub(crate) fn write(&self) -> Result<(), Trouble> {
        let told = |error: std::io::Error| wrong(&self.path, &error);
        let folder = self.path.parent().ok_or_else(|| Trouble::Usage("there is no HOME to keep contexts in".into()))?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(told)?;
        let new = self.path.with_extension(format!("new-{}", std::process::id()));
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new).map_err(told)?;
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        file.write_all(text.as_bytes()).map_err(told)?;
        fs::rename(&new, &self.path).map_err(told)
    }

    /// The context of this name, or the current one; none if nobody has chosen any.
    pub(crate) fn chosen(mut self, name: Option<&str>) -> Result<Option<Kept>, Trouble> {
        let Some(name) = name.map(str::to_owned).or(self.current.take()) else { return Ok(None) };
        match self.contexts.remove(&name) {
            Some(kept) => Ok(Some(kept)),
            None => Err(no_such(&name)),
        }
    }
}

/// There is no context of this name.
pub(crate) fn no_such(name: &str) -> Trouble {
    Trouble::Usage(format!("there is no context {name:?}: `errand context ls` shows those there are"))
}

impl Kept {
    /// With its token, wherever that is.
    pub(crate) fn resolved(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Context, Trouble> {
        let Self { url, tenant, token_file, token_env, token, aws_profile } = self;
        let token = match (token_file, token_env) {
            (Some(file), _) => {
                let text = fs::read_to_string(&file).map_err(|error| wrong(&file, &error))?;
                Some(text.trim().to_owned())
            }
            (None, Some(name)) => {
                let told = || {
                    Trouble::Usage(format!("the context takes its token from the variable {name}, which is not set"))
                };
                Some(variable(&name).ok_or_else(told)?)
            }
            (None, None) => token,
        };
        Ok(Context { url, token, tenant, aws_profile })
    }
}

/// As the XDG base directory specification has it.
fn path(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let xdg = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = xdg.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")))?;
    Some(config.join("errand/config.json"))
}

fn wrong(path: &Path, problem: &dyn std::fmt::Display) -> Trouble {
    Trouble::Usage(format!("{}: {problem}", path.display()))
}
