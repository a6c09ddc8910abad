//! The tokens that the server takes: whose each is, and what it gives the right to. A file keeps their hashes alone.

use std::{
    collections::HashMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use errand::{
    Name,
    spi::rights::{Right, Rights},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::private;

/// What every token that is made here begins with, so that those who look for lost secrets know it.
const PREFIX: &str = "errand_";

/// Whose a token is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The SHA-256 of the token, in hexadecimal: `printf %s "$TOKEN" | sha256sum`.
    sha256: String,
    /// Who bears it, as tasks and log lines name them.
    pub principal: String,
    /// The tenant that it is for. None: a service of the installation's own, which has every right and says by the header
    /// `X-Errand-Tenant` for whom it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// What it gives the right to.
    #[serde(default, skip_serializing_if = "Rights::is_empty")]
    pub rights: Rights,
}

/// The file, as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    tokens: Vec<Holder>,
}

/// All tokens, by their hash.
#[derive(Clone, Debug)]
pub struct Tokens(HashMap<String, Arc<Holder>>);

impl Holder {
    fn new(token: &str, principal: String, tenant: Option<Name>, rights: Rights) -> anyhow::Result<Self> {
        let holder = Self { sha256: hash(token), principal, tenant, rights };
        holder.check()?;
        Ok(holder)
    }

    fn check(&self) -> anyhow::Result<()> {
        let Self { sha256, principal, tenant, rights } = self;
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash {
            bail!("the token of `{principal}` has no SHA-256 of 64 lower-case hexadecimal digits");
        }
        if principal.is_empty() {
            bail!("the token {sha256} has no principal");
        }
        match tenant {
            Some(_) if rights.is_empty() => bail!("the token of `{principal}` gives no rights"),
            None if !rights.is_empty() && *rights != Right::ALL.into() => {
                bail!("the token of `{principal}` names rights and no tenant; one for all tenants has every right")
            }
            _ => Ok(()),
        }
    }
}

impl Tokens {
    /// The one token that gives everybody every right for every tenant.
    pub fn one(token: &str) -> Self {
        let holder = Holder { sha256: hash(token), principal: "local".to_owned(), tenant: None, rights: Rights::new() };
        Self(HashMap::from([(holder.sha256.clone(), Arc::new(holder))]))
    }

    /// Reads a file of them.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let stored = stored(file)?;
        let mut tokens = HashMap::new();
        for holder in stored.tokens {
            holder.check().with_context(|| file.display().to_string())?;
            let principal = holder.principal.clone();
            if tokens.insert(holder.sha256.clone(), Arc::new(holder)).is_some() {
                bail!("{}: the token of `{principal}` is there twice", file.display());
            }
        }
        if tokens.is_empty() {
            bail!("{} has no tokens: nobody could ask for anything", file.display());
        }
        Ok(Self(tokens))
    }

    /// Whose this token is. The time it takes tells nothing of the tokens: it is found by its hash.
    pub(crate) fn holder(&self, token: &str) -> Option<Arc<Holder>> {
        self.0.get(&hash(token)).cloned()
    }
}

/// Makes a token, adds its hash to `file`, making that if it is not there, and answers with it: nobody is told it again.
/// A server that runs takes it from its next start on.
pub fn add(file: &Path, principal: String, tenant: Option<Name>, rights: Rights) -> anyhow::Result<String> {
    let token = format!("{PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let mut tokens = if file.exists() { stored(file)? } else { Stored::default() };
    tokens.tokens.push(Holder::new(&token, principal, tenant, rights)?);
    // Whole or not at all: a file that was cut off in the middle would lock everybody out.
    let new = PathBuf::from(format!("{}.new", file.display()));
    write(&new, &tokens)
        .and_then(|()| fs::rename(&new, file))
        .with_context(|| format!("{} could not be written", file.display()))?;
    Ok(token)
}

fn stored(file: &Path) -> anyhow::Result<Stored> {
    let text = fs::read_to_string(file).with_context(|| format!("{} could not be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no file of tokens", file.display()))
}

fn write(file: &Path, tokens: &Stored) -> io::Result<()> {
    let mut to = private::open(file)?;
    to.set_len(0)?;
    to.write_all(serde_json::to_string_pretty(tokens)?.as_bytes())?;
    to.sync_all()
}

fn hash(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(text: &str) -> Result<Tokens, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let path = format!("{}", file.path().display());
        Tokens::read(file.path()).map_err(|error| format!("{error:#}").replace(&path, "FILE"))
    }

    #[test]
    fn a_token_that_was_added_is_found_and_stands_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens.json");
        let acme = Some(Name::of("acme"));
        let first = add(&file, "ci".to_owned(), acme.clone(), Rights::from([Right::Enqueue])).unwrap();
        let second = add(&file, "ops".to_owned(), None, Rights::new()).unwrap();
        let tokens = Tokens::read(&file).unwrap();
        let holder = tokens.holder(&first).unwrap();
        assert_eq!((holder.principal.as_str(), &holder.tenant), ("ci", &acme));
        assert_eq!(holder.rights, Rights::from([Right::Enqueue]));
        assert_eq!(tokens.holder(&second).unwrap().tenant, None);
        assert_eq!(tokens.holder("errand_"), None);
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(&first) && !text.contains(PREFIX), "{text}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_hash_is_what_sha256sum_prints() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Tokens::one("abc").holder("abc").unwrap().principal, "local");
    }

    #[test]
    fn a_file_that_cannot_be_meant_so_says_why() {
        let hash = hash("t");
        let one = |fields: &str| format!(r#"{{"tokens": [{{"sha256": "{hash}", "principal": "p", {fields}}}]}}"#);
        assert!(read(&one(r#""tenant": "acme", "rights": ["read"]"#)).is_ok());
        assert!(read(&one(r#""rights": ["read", "work", "enqueue", "operate"]"#)).is_ok());
        let wrong = |text: &str| read(text).unwrap_err();
        assert_eq!(wrong(&one(r#""tenant": "acme""#)), "FILE: the token of `p` gives no rights");
        assert!(wrong(&one(r#""rights": ["read"]"#)).ends_with("one for all tenants has every right"));
        assert!(wrong(&one(r#""tenant": "acme", "rights": ["admin"]"#)).contains("unknown variant `admin`"));
        assert!(wrong(&one(r#""right": ["read"]"#)).contains("unknown field `right`"));
        assert!(wrong(r#"{"tokens": [{"sha256": "ABC", "principal": "p"}]}"#).contains("no SHA-256"));
        assert!(wrong(r#"{"tokens": []}"#).contains("has no tokens"));
        let twice = one("\"tenant\": \"acme\", \"rights\": [\"read\"]")
            .replace("[{", "[{0}, {")
            .replace("{0}", &{ format!(r#"{{"sha256": "{hash}", "principal": "q"}}"#) });
        assert_eq!(wrong(&twice), "FILE: the token of `p` is there twice");
    }
}
