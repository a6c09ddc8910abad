//! The command `errand`: Errand on one machine, with the task types of this installation.

mod backup;
mod bench;
mod cli;
mod client;
mod command;
mod demo;
mod installation;
mod token;

use std::process::ExitCode;

use clap::Parser;
use command::{Cli, Command};
use errand::spi::telemetry::Format;
use mimalloc::MiMalloc;

/// What one thread makes another often drops: a task goes from a reader to a worker to the writer. The system's
/// allocator pays for that with a tenth of all processor time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let Cli { command, serve } = Cli::parse();
    match command.unwrap_or(Command::Serve(Box::new(serve))) {
        Command::Serve(told) => {
            let types = |environment: &_| told.installation.types(environment);
            errand_local::run_traced(told.server.log_format.into(), errand_local::serve(&told.server, types))
        }
        Command::Backup(options) => backup::run(&options),
        Command::Bench(options) => errand_local::run_quietly(bench::run(&options)),
        Command::Demo(options) => errand_local::run(Format::Text, demo::run(&options)),
        Command::Asked(asked) => cli::run(*asked),
        Command::Token(options) => errand_local::run(Format::Text, async { token::run(options) }),
    }
}
