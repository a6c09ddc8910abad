//! `errand completions`.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

use super::{print::Printer, trouble::Trouble};
use crate::command::Cli;

/// See [`super::Asked`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand completions bash > ~/.local/share/bash-completion/completions/errand")]
pub(crate) struct Completions {
    /// For which shell
    shell: For,
}

/// The shells that there are completions for.
#[derive(Clone, Copy, ValueEnum)]
enum For {
    Bash,
    Zsh,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<(), Trouble> {
        let shell = match self.shell {
            For::Bash => Shell::Bash,
            For::Zsh => Shell::Zsh,
        };
        let mut script = Vec::new();
        generate(shell, &mut Cli::command(), "errand", &mut script);
        Printer { json: false }.line(String::from_utf8_lossy(&script).trim_end())
    }
}
