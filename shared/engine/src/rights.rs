//! Who may what: the rights that a request needs, and the scopes of a token that give them. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// What a caller may do. Each request needs one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Read, and mark what was read as seen.
    Read,
    /// Enqueue tasks and start runs, change and cancel them, write records.
    Enqueue,
    /// Take tasks to work on them, and end them.
    Work,
    /// Decide for the whole tenant: redrives in bulk, and whatever settles how its tasks are run.
    Operate,
}

/// The rights of a caller.
pub type Rights = BTreeSet<Right>;

impl Right {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Enqueue, Self::Work, Self::Operate];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Enqueue => "enqueue",
            Self::Work => "work",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text names no right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no right; there are read, enqueue, work and operate")]
pub struct NoRight(String);

impl FromStr for Right {
    type Err = NoRight;

    fn from_str(text: &str) -> Result<Self, NoRight> {
        Self::ALL.into_iter().find(|right| right.as_str() == text).ok_or_else(|| NoRight(text.to_owned()))
    }
}

/// Which scope a token needs for each right. A right that no scope is named for is every token's, but `operate`: until
/// a scope is named for that, no token has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeMap<Right, String>);

/// Why a text names no scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// A part of it is not as it must be.
    #[error("expected right=scope, separated by commas, found `{0}`")]
    NoPair(String),
    /// There is no such right.
    #[error(transparent)]
    Right(#[from] NoRight),
    /// A right stands there twice.
    #[error("`{0}` is there twice")]
    Doubled(Right),
}

impl Scopes {
    /// Those under which the scope of a right is its own name.
    pub fn by_name() -> Self {
        Self(Right::ALL.into_iter().map(|right| (right, right.as_str().to_owned())).collect())
    }

    /// The scopes that are named, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str).collect::<BTreeSet<_>>().into_iter()
    }

    /// The rights that a token with these scopes gives.
    pub fn rights(&self, borne: &[&str]) -> Rights {
        let given = |right: &Right| match self.0.get(right) {
            Some(scope) => borne.contains(&scope.as_str()),
            None => *right != Right::Operate,
        };
        Right::ALL.into_iter().filter(given).collect()
    }
}

impl FromStr for Scopes {
    type Err = ScopesError;

    /// Reads `operate=errand.admin,work=errand.work`; an empty text names none.
    fn from_str(text: &str) -> Result<Self, ScopesError> {
        let mut scopes = BTreeMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let named = pair.split_once('=').map(|(right, scope)| (right.trim(), scope.trim()));
            let Some((right, scope)) = named.filter(|(_, scope)| !scope.is_empty()) else {
                return Err(ScopesError::NoPair(pair.to_owned()));
            };
            let right = right.parse()?;
            if scopes.insert(right, scope.to_owned()).is_some() {
                return Err(ScopesError::Doubled(right));
            }
        }
        Ok(Self(scopes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(scopes: &str, borne: &[&str]) -> Vec<&'static str> {
        scopes.parse::<Scopes>().unwrap().rights(borne).into_iter().map(Right::as_str).collect()
    }

    #[test]
    fn a_right_without_a_scope_is_every_tokens_but_to_operate() {
        assert_eq!(rights("", &[]), ["read", "enqueue", "work"]);
        assert_eq!(rights("", &["operate", "admin"]), ["read", "enqueue", "work"]);
        assert_eq!(rights("operate=admin", &["openid"]), ["read", "enqueue", "work"]);
        assert_eq!(rights("operate=admin", &["openid", "admin"]), ["read", "enqueue", "work", "operate"]);
    }

    #[test]
    fn a_right_with_a_scope_is_theirs_who_bear_it() {
        let scopes = " read = e.read, enqueue=e.write ,work=e.work,operate=e.admin,";
        assert_eq!(rights(scopes, &[]), [""; 0]);
        assert_eq!(rights(scopes, &["e.read", "e.work"]), ["read", "work"]);
        // A scope that merely begins like another gives nothing.
        assert_eq!(rights(scopes, &["e.rea", "e.reader"]), [""; 0]);
        assert_eq!(Scopes::by_name().rights(&["operate"]), Rights::from([Right::Operate]));
    }

    #[test]
    fn what_names_no_scopes_says_why() {
        let wrong = |text: &str| text.parse::<Scopes>().unwrap_err().to_string();
        assert_eq!(wrong("admin"), "expected right=scope, separated by commas, found `admin`");
        assert_eq!(wrong("operate="), "expected right=scope, separated by commas, found `operate=`");
        assert_eq!(wrong("admin=x"), "`admin` is no right; there are read, enqueue, work and operate");
        assert_eq!(wrong("work=a,work=b"), "`work` is there twice");
    }
}
