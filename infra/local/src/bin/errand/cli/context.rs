//! `errand context`: servers by name, in the config file.

use std::path::PathBuf;

use clap::Subcommand;
use errand::spi::environment::Environment;
use serde_json::json;

use super::{
    contexts::{Contexts, Kept, no_such},
    print::Printer,
    trouble::Trouble,
};

/// What is done with contexts.
#[derive(Subcommand)]
pub(crate) enum Context {
    /// List the contexts, with a `*` at the one that is used
    #[command(after_help = "Example:\n  errand context ls")]
    Ls {
        /// A line of JSON for each, in place of a table
        #[arg(long)]
        json: bool,
    },
    /// Use a context from now on
    #[command(after_help = "Example:\n  errand context use prod")]
    Use {
        /// Which
        name: String,
    },
    /// Make a context, or change one: what is not named stays as it is
    Set(Set),
    /// Remove a context
    #[command(after_help = "Example:\n  errand context rm prod")]
    Rm {
        /// Which
        name: String,
    },
}

/// See [`Context::Set`].
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  errand context set prod --url https://errand.example.org --token-env PROD_TOKEN --tenant acme"
)]
pub(crate) struct Set {
    /// Which
    name: String,

    /// Address of its server
    #[arg(long)]
    url: Option<String>,

    /// Tenant to ask for, with a token that may ask for any
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,

    /// File that holds its token
    #[arg(long, value_name = "FILE", group = "secret")]
    token_file: Option<PathBuf>,

    /// Variable that holds its token
    #[arg(long, value_name = "VARIABLE", group = "secret")]
    token_env: Option<String>,

    /// Its token itself, kept in the config file
    #[arg(long, value_name = "TOKEN", group = "secret")]
    token: Option<String>,

    /// Profile of the `aws` command whose keys sign requests, in place of a token
    #[arg(long, value_name = "NAME", group = "secret")]
    aws_profile: Option<String>,
}

impl Context {
    pub(crate) fn run(self) -> Result<(), Trouble> {
        let mut file = Contexts::read(&Environment::of_process())?;
        match self {
            Context::Ls { json } => return shown(&file, Printer { json }),
            Context::Use { name } => {
                if !file.contexts.contains_key(&name) {
                    return Err(no_such(&name));
                }
                file.current = Some(name);
            }
            Context::Set(set) => set.run(&mut file)?,
            Context::Rm { name } => {
                file.contexts.remove(&name).ok_or_else(|| no_such(&name))?;
                file.current.take_if(|current| *current == name);
            }
        }
        file.write()
    }
}

impl Set {
    fn run(self, file: &mut Contexts) -> Result<(), Trouble> {
        let before = file.contexts.remove(&self.name).unwrap_or_default();
        let Self { name, url, tenant, token_file, token_env, token, aws_profile } = self;
        let said = Kept { token_file, token_env, token, aws_profile, ..Kept::default() };
        let secret = if said == Kept::default() { before.clone() } else { said };
        let url = url.unwrap_or(before.url);
        if url.is_empty() {
            return Err(Trouble::Usage(format!("a new context needs an address: `errand context set {name} --url …`")));
        }
        let kept = Kept { url, tenant: tenant.or(before.tenant), ..secret };
        file.contexts.insert(name, kept);
        Ok(())
    }
}

/// All of them, without their tokens.
fn shown(file: &Contexts, print: Printer) -> Result<(), Trouble> {
    if file.contexts.is_empty() && !print.json {
        print.note("there are no contexts: make one by `errand context set NAME --url …`");
        return Ok(());
    }
    let mut rows = Vec::new();
    for (name, kept) in &file.contexts {
        let is_current = file.current.as_ref() == Some(name);
        let token = match kept {
            Kept { token_file: Some(file), .. } => format!("in {}", file.display()),
            Kept { token_env: Some(variable), .. } => format!("in ${variable}"),
            Kept { token: Some(_), .. } => "kept here".to_owned(),
            Kept { aws_profile: Some(profile), .. } => format!("AWS keys of {profile}"),
            _ => String::new(),
        };
        if print.json {
            print.json(
                &json!({"name": name, "current": is_current, "url": kept.url, "tenant": kept.tenant, "token": token}),
            )?;
        } else {
            let mark = if is_current { "*" } else { "" };
            let tenant = kept.tenant.clone().unwrap_or_default();
            rows.push(vec![mark.to_owned(), name.clone(), kept.url.clone(), tenant, token]);
        }
    }
    if print.json { Ok(()) } else { print.table(&["", "NAME", "URL", "TENANT", "TOKEN"], &rows) }
}
