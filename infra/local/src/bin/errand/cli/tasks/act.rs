//! `errand tasks cancel`, `retry` and `reschedule`.

use std::time::Duration;

use clap::Args;
use errand::{
    Timestamp,
    spi::clock::{Clock, SystemClock},
};
use errand_client::Ask;
use serde_json::{Value, json};

use crate::cli::{acts, here::Here, trouble::Trouble, when};

/// See [`super::Tasks`].
#[derive(Args)]
#[command(
    after_help = "Example:\n  errand tasks cancel 0192d1f4-0000-7000-8000-000000000000 --reason 'asked for twice'"
)]
pub(crate) struct Cancel {
    /// Which
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,

    /// Why, for its log
    #[arg(long)]
    reason: Option<String>,
}

/// See [`super::Tasks`].
#[derive(Args)]
#[command(
    after_help = "Example:\n  errand tasks retry 0192d1f4-0000-7000-8000-000000000000 --note 'the disk has room again'"
)]
pub(crate) struct Retry {
    /// Which
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,

    /// A word to whoever does it, kept in its log
    #[arg(long)]
    note: Option<String>,
}

/// See [`super::Tasks`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand tasks reschedule 0192d1f4-0000-7000-8000-000000000000 --in 2h")]
pub(crate) struct Reschedule {
    /// Which
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,

    /// Not before so long: 90s, 10m, 1h30m, 2d
    #[arg(long = "in", value_name = "LENGTH", value_parser = when::length, required_unless_present = "at")]
    delay: Option<Duration>,

    /// Not before this time, such as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = when::time, conflicts_with = "delay")]
    at: Option<Timestamp>,
}

/// Asks for `act` on a task.
fn ask(id: &str, act: &str, body: Value) -> Ask {
    Ask::post(&["v1", "tasks", id, act], body, acts::key())
}

impl Cancel {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let body = self.reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
        here.act(&self.ids, "", |id| ask(id, "cancel", body.clone())).await
    }
}

impl Retry {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let body = self.note.map_or_else(|| json!({}), |note| json!({"note": note}));
        here.act(&self.ids, "", |id| ask(id, "retry", body.clone())).await
    }
}

impl Reschedule {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let at = self.delay.map(|delay| SystemClock.now() + delay).or(self.at);
        here.act(&self.ids, "", |id| ask(id, "reschedule", json!({"run_at": at}))).await
    }
}
