//! Whom a command asks, and how it shows what is answered.

use std::time::Duration;

use clap::Args;
use errand::spi::environment::Environment;
use errand_client::{Access, Remote};

use super::{
    aws,
    contexts::{Context, Contexts},
    print::Printer,
    trouble::Trouble,
};

/// Where a server is, if nobody says.
const URL: &str = "http://127.0.0.1:8787";

/// How long a request may take that says nothing else.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which server, as whom, and how answers look.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Every command")]
pub(crate) struct To {
    /// Address of the server (or ERRAND_URL; http://127.0.0.1:8787 if neither is said)
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,

    /// Token of whoever asks (or ERRAND_TOKEN, which other users of this machine cannot see)
    // By an id of its own: the server's option `token` stands above it, reads the variable, and would be taken for this flag.
    #[arg(id = "own_token", long = "token", global = true, value_name = "TOKEN")]
    token: Option<String>,

    /// Sign requests with this profile of the `aws` command, for installations on AWS that go by IAM
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "own_token")]
    aws_profile: Option<String>,

    /// Tenant to ask for, with a token that may ask for any (or ERRAND_TENANT)
    #[arg(long, global = true, value_name = "NAME")]
    tenant: Option<String>,

    /// Context of the config file to ask in, in place of the one that `errand context use` has set (or ERRAND_CONTEXT)
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "url")]
    context: Option<String>,

    /// A line of JSON for each thing, in place of tables
    #[arg(long, global = true)]
    json: bool,
}

/// A server that is asked, and how its answers are shown.
pub(crate) struct Here {
    pub(crate) remote: Remote,
    pub(crate) print: Printer,
}

impl Here {
    /// What the flags say, and then the variables or the config file.
    pub(crate) fn of(to: To) -> Result<Self, Trouble> {
        let variables = Environment::of_process();
        let get = |name: &str| variables.get(name);
        let file = || Contexts::read(&variables);
        let print = Printer { json: to.json };
        let access = access(to, &get, file)?;
        let http = errand_outbound::client(TIMEOUT).map_err(|error| Trouble::Failed(error.to_string()))?;
        Ok(Self { remote: Remote::new(http, access), print })
    }
}

/// Flags go before all else. A server is otherwise named by variables or by a context, and nothing of the one goes with the
/// other: a token must not be told to a server that it is not meant for.
fn access(
    to: To,
    variable: &dyn Fn(&str) -> Option<String>,
    file: impl FnOnce() -> Result<Contexts, Trouble>,
) -> Result<Access, Trouble> {
    let named = to.url.clone().or_else(|| variable("ERRAND_URL").filter(|_| to.context.is_none()));
    let context = match (&named, to.context.or_else(|| variable("ERRAND_CONTEXT"))) {
        (Some(_), _) => None,
        (None, name) => file()?.chosen(name.as_deref())?,
    };
    let Context { url, token, tenant, aws_profile } = match context {
        Some(context) => context.resolved(variable)?,
        None => Context {
            url: named.unwrap_or_else(|| URL.to_owned()),
            token: variable("ERRAND_TOKEN"),
            tenant: variable("ERRAND_TENANT"),
            aws_profile: None,
        },
    };
    let url = to.url.unwrap_or(url);
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Trouble::Usage(format!("{url:?} is no address: it begins with http:// or https://")));
    }
    let tenant = to.tenant.or(tenant);
    // Who says by a flag how to be known is not known otherwise.
    let (token, profile) = match (to.token, to.aws_profile) {
        (None, None) => (token, aws_profile),
        said => said,
    };
    let signer = profile.map(|profile| aws::signer(&profile, &url)).transpose()?;
    Ok(Access { url, token: token.filter(|_| signer.is_none()), tenant, signer })
}
