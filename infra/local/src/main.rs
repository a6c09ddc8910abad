//! The command `errand`: Errand on one machine.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use errand::telemetry::{self, Format};
use errand_local::{bench, demo, options::Options, runner::Runner, signals};

/// What else there is to know.
const MORE: &str = "RUST_LOG says which log lines there are: error, warn, info (the default), debug, trace, or by module, \
    such as info,shared=debug.";

/// A durable task processor: serves HTTP, runs tasks, keeps everything in one database file.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = MORE)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default)
    Serve(Box<Options>),
    /// Measure this machine
    Bench(bench::Options),
    /// Show the task types at work on a running server, but for cleanup_session and run_outside
    Demo(demo::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::init(match &cli.command {
        None => cli.serve.log_format.into(),
        Some(Command::Serve(options)) => options.log_format.into(),
        Some(Command::Bench(_) | Command::Demo(_)) => Format::Text,
    });
    let done = match cli.command {
        None => serve(&cli.serve).await,
        Some(Command::Serve(options)) => serve(&options).await,
        Some(Command::Bench(options)) => bench::run(&options).await,
        Some(Command::Demo(options)) => demo::run(&options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let mut runner = Runner::start(options).await?;
    eprintln!("errand listens on http://{}", runner.address);
    tokio::select! {
        () = signals::stop() => {}
        broken = runner.broken() => return Err(broken),
    }
    runner.stop().await;
    Ok(())
}
