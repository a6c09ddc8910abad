//! The variables of a process's environment, read once, at start. What is missing or malformed is named.

use std::{
    fmt::{self, Display},
    str::FromStr,
    sync::{Mutex, PoisonError},
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
        /// The variable that is wrong or missing.
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

impl ConfigError {
    /// The variable `name` has a `value` that cannot be used, for `problem`. Hand in `…` for a value that may be long or
    /// secret.
    pub fn malformed(name: &str, value: impl Into<String>, problem: impl Display) -> Self {
        Self::Malformed { name: name.to_owned(), value: value.into(), problem: problem.to_string() }
    }
}

/// What answers for a variable.
type Get = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Variables, and which of their values are secrets.
pub struct Environment {
    get: Box<Get>,
    secrets: Mutex<Vec<String>>,
}

impl Environment {
    /// This process's.
    pub fn of_process() -> Self {
        Self::of(variable)
    }

    /// Those that `get` answers for.
    pub fn of(get: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { get: Box::new(get), secrets: Mutex::default() }
    }

    /// What the variable `name` holds, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.is_empty())
    }

    /// The same; an error if there is nothing.
    pub fn required(&self, name: &str) -> Result<String, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::Missing(name.to_owned()))
    }

    /// The same, parsed.
    pub fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let parse = |value: String| value.parse().map_err(|error| ConfigError::malformed(name, value, error));
        self.get(name).map(parse).transpose()
    }

    /// The same, of texts of a form.
    pub fn read<T: TryFrom<String, Error: Display>>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let read =
            |value: String| T::try_from(value.clone()).map_err(|error| ConfigError::malformed(name, value, error));
        self.get(name).map(read).transpose()
    }

    /// Notes values that no log or answer may show.
    pub fn keep_secret(&self, values: impl IntoIterator<Item = String>) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
    }

    /// The values that were noted.
    pub fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What an environment variable of this process holds.
pub fn variable(name: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods)] // the one place that reads the environment
    std::env::var(name).ok()
}

/// A list of principals, separated by commas. A comma with a space after it separates, too; and nobody is without a name.
pub fn principals(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|principal| !principal.is_empty()).map(str::to_owned).collect()
}
