//! `errand bench`: measures this machine, release build, action log on, every write on the disk.

mod batch;
mod call;
mod child;
mod commander;
mod deferred;
mod events;
mod followers;
mod groups;
mod http;
mod pull;
mod push;
mod report;
mod schedules;
mod waiting;
mod watched;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use errand_local::options::Durability;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::{Resource, getrlimit, setrlimit};

use report::Report;

/// What to measure.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Print one line of JSON instead of a table
    #[arg(long)]
    json: bool,

    /// Tasks in the batch measurement
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1000..))]
    tasks: u32,

    /// Ended tasks in the file for the ratio
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    ended: u32,

    /// Only the batch measurement on an empty file
    #[arg(long)]
    quick: bool,

    /// Only the measurements of agent runs' events
    #[arg(long, conflicts_with = "quick")]
    events: bool,

    /// Only the measurements of workers outside
    #[arg(long, conflicts_with_all = ["quick", "events"])]
    pull: bool,

    /// Only the measurement of tasks that are pushed to a target on this machine
    #[arg(long, conflicts_with_all = ["quick", "events", "pull"])]
    push: bool,

    /// Only the measurement of readers that follow what is told
    #[arg(long, conflicts_with_all = ["quick", "events", "pull", "push"])]
    followers: bool,

    /// Only the measurement of a task that makes 10,000 and waits for them
    #[arg(long, conflicts_with_all = ["quick", "events", "pull", "push", "followers"])]
    groups: bool,

    /// Only the measurement of how late schedules fire
    #[arg(long, conflicts_with_all = ["quick", "events", "pull", "push", "followers", "groups"])]
    schedules: bool,

    /// Only the batch measurement beside ten dashboards that are open, against itself alone
    #[arg(long, conflicts_with_all = ["quick", "events", "pull", "push", "followers", "groups", "schedules"])]
    watched: bool,

    /// When a write counts as done
    #[arg(long, value_enum, default_value_t = Durability::Full)]
    synchronous: Durability,

    /// Directory for the measured databases, removed afterwards; on the disk that is to be measured
    #[arg(long, default_value = "./errand-bench", value_name = "DIR")]
    data: PathBuf,
}

/// Measures, and prints what was measured.
#[allow(clippy::print_stdout)] // the result is what standard output is for
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    if options.data.exists() {
        let data = options.data.display();
        anyhow::bail!(
            "{data} is there already: delete it if a bench that was interrupted left it, or name another --data"
        );
    }
    if cfg!(debug_assertions) {
        eprintln!("note: this is a debug build; figures for others come from a release build");
    }
    let measured = measure(options).await;
    let removed = std::fs::remove_dir_all(&options.data);
    let report = measured?;
    removed.with_context(|| format!("{} could not be removed", options.data.display()))?;
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

async fn measure(options: &Options) -> anyhow::Result<Report> {
    let tasks = u64::from(options.tasks);
    let mut report = Report::default();
    if options.events {
        events::measure(options, &mut report).await?;
        return Ok(report);
    }
    if options.pull {
        pull::measure(options, &mut report).await?;
        return Ok(report);
    }
    if options.push {
        push::measure(options, &mut report).await?;
        return Ok(report);
    }
    if options.followers {
        followers::measure(options, &mut report).await?;
        return Ok(report);
    }
    if options.schedules {
        schedules::measure(options, &mut report).await?;
        return Ok(report);
    }
    if options.watched {
        watched::measure(options, &mut report).await?;
        return Ok(report);
    }
    if options.groups {
        groups::measure(options, &mut report).await?;
        return Ok(report);
    }
    let empty = batch::Bench::start(options, "empty").await?;
    let on_empty = empty.run(tasks, "batches of 100, empty file").await?;
    empty.check(tasks)?;
    empty.stop().await;
    report.batch_tasks_per_s = Some(on_empty.tasks_per_s);
    if options.quick {
        return Ok(report);
    }
    let full = batch::Bench::start(options, "full").await?;
    full.run(options.ended.into(), "filling the file with ended tasks").await?;
    let on_full = full.run(tasks, "batches of 100, that file").await?;
    full.check(tasks + u64::from(options.ended))?;
    report.commander_ms_with_million = Some(commander::measure(full.app()).await?);
    full.stop().await;
    report.million_ended_ratio = Some(on_full.tasks_per_s / on_empty.tasks_per_s);

    http::measure(options, &mut report).await?;
    deferred::measure(options, &mut report).await?;
    waiting::measure(options, &mut report).await?;
    events::measure(options, &mut report).await?;
    pull::measure(options, &mut report).await?;
    push::measure(options, &mut report).await?;
    followers::measure(options, &mut report).await?;
    groups::measure(options, &mut report).await?;
    schedules::measure(options, &mut report).await?;
    watched::measure(options, &mut report).await?;
    Ok(report)
}

/// A thousand connections take a file each here, and one there; and a server takes no more than half of its files for them.
fn open_more_files() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    anyhow::ensure!(
        limit.current.is_none_or(|files| files >= 8192),
        "1,000 connections take 8192 files, which the limit (`ulimit -Hn`) does not allow"
    );
    Ok(())
}

/// A bar on standard error.
fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what.to_owned());
    let style = ProgressStyle::with_template("{msg:38} {bar:30} {human_pos}/{human_len} {per_sec} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
