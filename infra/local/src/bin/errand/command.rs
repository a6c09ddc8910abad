//! What the command can be told.

use clap::{Args, Parser, Subcommand};
use errand_local::{LOG_LINES, options::Options};

use crate::{backup, bench, cli::Asked, demo, installation::Installed, token};

/// A durable task processor: serves HTTP, runs tasks, keeps everything in one database file.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = LOG_LINES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve (the default)
    Serve(Box<Serve>),
    #[command(flatten)]
    Asked(Box<Asked>),
    /// Copy this machine's database while its server runs
    Backup(backup::Options),
    /// Measure this machine
    Bench(bench::Options),
    /// Show the task types at work on a running server, but for cleanup_session and run_outside
    Demo(demo::Options),
    /// Make a token for the file that --tokens names, and print it
    Token(token::Options),
}

/// How to serve.
#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) server: Options,
    #[command(flatten)]
    pub(crate) installation: Installed,
}
