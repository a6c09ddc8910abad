//! The server as a program: what it is told, what it says, and how it ends.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use errand::{
    Registry,
    spi::{
        environment::Environment,
        redact,
        telemetry::{self, Format},
    },
};

use tokio::runtime::Runtime;

use crate::{
    options::Options,
    running::RunningServer,
    signals,
    traces::{self, Traces},
};

/// How a program's help tells of the variable that its log lines obey.
pub const LOG_LINES: &str = "RUST_LOG says which log lines there are: error, warn, info (the default), debug, trace, or by module, \
    such as info,errand=debug.";

/// A durable task processor: serves HTTP, runs tasks, keeps everything in one database file.
#[derive(Parser)]
#[command(version, after_help = LOG_LINES)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// The whole `main` of a program: reads its arguments and serves tasks of these `types` until it is told to stop.
pub fn main(types: Registry) -> ExitCode {
    let Cli { options } = Cli::parse();
    run_traced(options.log_format.into(), serve(&options, |_| Ok(types)))
}

/// Does `work` in a program that logs in this `format`; an error of it is told on standard error, and by the exit code.
pub fn run(format: Format, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    telemetry::init(format);
    ended(work)
}

/// The same in a program that serves: it sends traces, too, if the variables `OTEL_EXPORTER_OTLP_ENDPOINT` or
/// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` say where to.
pub fn run_traced(format: Format, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    told(runtime().and_then(|runtime| {
        let traces = Traces::begin(&Environment::of_process(), format, runtime.handle())?;
        let ended = runtime.block_on(work);
        traces.end();
        ended
    }))
}

/// The same in a program whose output is something else: unless `RUST_LOG` asks for more it logs, as text, only what somebody
/// must see to at once (level `error`).
pub fn run_quietly(work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    telemetry::init_with(Format::Text, "error");
    ended(work)
}

fn ended(work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    told(runtime().and_then(|runtime| runtime.block_on(work)))
}

fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("the threads that everything runs on could not be started")
}

fn told(ended: anyhow::Result<()>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is told to stop: what [`main`] does once it has read its arguments, for a program with more
/// arguments than [`Options`]. `types` may read variables; what it keeps secret of them is masked wherever it appears.
pub async fn serve(
    options: &Options,
    types: impl FnOnce(&Environment) -> anyhow::Result<Registry>,
) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let types = types(&environment)?;
    environment.keep_secret(traces::secrets(&environment));
    redact::know_secrets(environment.secrets().into_iter().chain(options.secrets()));
    let mut server = RunningServer::start(options, types).await?;
    eprintln!("errand listens on http://{}", server.address);
    tokio::select! {
        () = signals::stop() => {}
        broken = server.broken() => return Err(broken),
    }
    server.stop().await;
    Ok(())
}
