//! Tries seeds. The first that breaks a promise is made shorter, told, and ends it.

use std::{
    io::{self, Write},
    num::NonZero,
    process::ExitCode,
    thread,
    time::Instant,
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use mimalloc::MiMalloc;
use simulate::{Plan, first_broken, run, shrink};

/// A fifth of all time is spent on memory: with the system's allocator, a third more of it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Simulates the whole of Errand, with everything going wrong that can.
#[derive(Parser)]
struct Arguments {
    /// How many seeds are tried.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Tries this one alone, and tells all that happens.
    #[arg(long)]
    seed: Option<u64>,
    /// How many are tried at the same time; as many as there are cores if absent.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> io::Result<ExitCode> {
    let Arguments { seeds, from, seed, threads } = Arguments::parse();
    let threads = threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    match seed {
        Some(seed) => tell(seed),
        None => search(from, seeds, threads),
    }
}

/// Tries them until one breaks something.
fn search(from: u64, seeds: u64, threads: usize) -> io::Result<ExitCode> {
    let begun = Instant::now();
    let bar = ProgressBar::new(seeds);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos} of {len} seeds, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let found = first_broken(from, seeds, threads, || bar.inc(1));
    bar.finish_and_clear();
    match found {
        Some(seed) => show(seed),
        None => {
            #[allow(clippy::cast_precision_loss)] // a person reads it
            let rate = seeds as f64 / begun.elapsed().as_secs_f64().max(0.001);
            writeln!(
                io::stdout(),
                "every promise held: {seeds} seeds from {from}, {rate:.0} a second on {threads} threads"
            )?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What `seed` breaks, and the fewest steps that do.
fn show(seed: u64) -> io::Result<ExitCode> {
    let mut out = io::stdout();
    let plan = Plan::of(seed);
    let why = run(&plan, false).broken.unwrap_or_default();
    writeln!(out, "seed {seed} breaks a promise by {} steps: {why}\n\nfewer do, too:", plan.steps.len())?;
    let short = shrink(plan);
    let outcome = run(&short, true);
    outcome.lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(
        out,
        "{} steps; then {}",
        short.steps.len(),
        if short.all_are_lost { "all are lost" } else { "all come to their ends" }
    )?;
    writeln!(out, "{}\n\n`--seed {seed}` tells all that happens of it.", outcome.broken.unwrap_or_default())?;
    Ok(ExitCode::FAILURE)
}

/// Tries one, and tells all that happens.
fn tell(seed: u64) -> io::Result<ExitCode> {
    let outcome = run(&Plan::of(seed), true);
    let mut out = io::stdout().lock();
    outcome.lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    match outcome.broken {
        None => {
            writeln!(out, "seed {seed}: every promise held ({:016x})", outcome.hash)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(why) => {
            writeln!(out, "seed {seed}: {why}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
