//! `errand erase`.

use clap::Args;
use errand_client::Ask;

use super::{here::Here, tasks, trouble::Trouble};

const EXAMPLE: &str = "Example:
  errand erase user-17 --wait

It cannot be taken back. A task does it, whose id this prints: `errand tasks tail ID` follows it, and its output is the
receipt. What it reaches and what not: see docs/operations.md.";

/// Whom.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Whom {
    /// The user's id
    #[arg(value_name = "USER")]
    user: String,

    /// Wait for its end, and print the receipt
    #[arg(long)]
    wait: bool,
}

impl Whom {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let (task, print) = (here.remote.ask(&Ask::delete(&["v1", "users", &self.user])).await?, here.print);
        let id = print.text(&task, "/id");
        if self.wait {
            return tasks::wait(here, &id).await;
        }
        if print.json { print.json(&task) } else { print.line(&id) }
    }
}
