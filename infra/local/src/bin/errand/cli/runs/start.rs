//! `errand runs start`.

use clap::Args;
use errand_client::Ask;
use serde_json::{Map, Value, json};

use super::follow;
use crate::cli::{acts, here::Here, trouble::Trouble};

/// See [`super::Runs`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand runs start 'sum up what is new' --profile fast --follow")]
pub(crate) struct Start {
    /// What is to be done
    prompt: String,

    /// Which model backend answers, or for runners: the pool that they claim from
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Who does it: worker (Errand asks the model) or runner (somebody outside)
    #[arg(long)]
    executor: Option<String>,

    /// The session to go on in
    #[arg(long, value_name = "ID")]
    session: Option<String>,

    /// The user it is about
    #[arg(long, value_name = "ID")]
    user: Option<String>,

    /// The project that this is of
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Its idempotency key: the same key and request are the same run
    #[arg(long)]
    key: Option<String>,

    /// Follow it until it has ended
    #[arg(long)]
    follow: bool,
}

impl Start {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let fields = [
            ("prompt", Some(self.prompt)),
            ("profile", self.profile),
            ("executor", self.executor),
            ("session_id", self.session),
            ("user_id", self.user),
            ("project", self.project),
        ];
        let body: Map<String, Value> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect();
        let run = here.remote.ask(&Ask::post(&["v1", "runs"], body.into(), self.key.unwrap_or_else(acts::key))).await?;
        let id = here.print.text(&run, "/id");
        if self.follow {
            return follow::follow(here, &id).await;
        }
        if here.print.json { here.print.json(&run) } else { here.print.line(&id) }
    }
}
