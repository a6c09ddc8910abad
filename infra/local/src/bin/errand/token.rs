//! `errand token`: makes a token for the file that `errand serve --tokens` reads.

use std::path::PathBuf;

use clap::{Args, builder::NonEmptyStringValueParser};
use errand::{Name, spi::rights::Right};
use errand_local::tokens;

/// Whose, and what it gives the right to.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// File of the tokens' hashes; made if absent
    #[arg(long, env = "ERRAND_TOKENS", value_name = "FILE")]
    file: PathBuf,

    /// Who bears it, as tasks and log lines name them
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    principal: String,

    /// The tenant that it is for; without, it has every right, for every tenant
    #[arg(long, value_name = "NAME", requires = "rights", value_parser = |name: &str| Name::new(name))]
    tenant: Option<Name>,

    /// What it gives the right to, comma-separated: read, enqueue, work, operate
    #[arg(long, value_name = "RIGHTS", value_delimiter = ',', requires = "tenant")]
    rights: Vec<Right>,
}

/// Prints the token, which is told only now.
#[allow(clippy::print_stdout)] // the token is what standard output is for
pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let Options { file, principal, tenant, rights } = options;
    let token = tokens::add(&file, principal, tenant, rights.into_iter().collect())?;
    println!("{token}");
    eprintln!("it is shown only now; a server takes it from its next start with --tokens {}", file.display());
    Ok(())
}
