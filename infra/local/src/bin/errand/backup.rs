//! `errand backup`: copies the database of this machine while its server runs.

mod kept;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Args;
use errand::{
    Timestamp,
    spi::clock::{Clock, SystemClock},
};
use errand_local::{
    signals,
    sqlite::{BackedUp, BackupError, Copied},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::{Printer, Trouble, length};

const EXAMPLES: &str = "Examples:
  errand backup copy.db
  errand backup /backups/errand.db --every 1h --keep 24

To restore, put a copy as errand.db into an empty directory, secret.key beside it, and serve that: see docs/operations.md.";

/// How often a copy can be made at most.
const SHORTEST: Duration = Duration::from_secs(1);

/// What to copy, where to, and how often.
#[derive(Args, Clone)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// File to make, which must not be there; with --every each has the time (UTC) in its name, before its ending
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Directory of the database file, as the server has it
    #[arg(long, env = "ERRAND_DATA", default_value = "./errand-data", value_name = "DIR")]
    data: PathBuf,

    /// Make one now and again each time this has passed, such as 1h, until told to stop
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    every: Option<Duration>,

    /// How many are kept: older ones of the same name are removed once a newer one is whole; without, all are
    #[arg(long, value_name = "N", requires = "every", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// A line of JSON for each copy, in place of words
    #[arg(long)]
    json: bool,
}

/// Does it; the exit code is as those of the commands that ask a server.
pub(crate) fn run(options: &Options) -> ExitCode {
    let done = match options.every {
        None => options.copy(&options.file, &AtomicBool::new(false)),
        Some(every) if every < SHORTEST => Err(Trouble::Usage("--every is 1s at least".into())),
        Some(every) => options.again_and_again(every),
    };
    done.map_or_else(Trouble::told, |()| ExitCode::SUCCESS)
}

impl Options {
    /// Makes one copy; it is broken off once it is `stopped`.
    fn copy(&self, to: &Path, stopped: &AtomicBool) -> Result<(), Trouble> {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let tell = |Copied { bytes, of }| {
            bar.set_length(of);
            bar.set_position(bytes);
            if stopped.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let done = errand_local::sqlite::backup(&self.data.join("errand.db"), to, tell);
        bar.finish_and_clear();
        let BackedUp { tasks, bytes } = done?;
        let printer = Printer { json: self.json };
        if self.json {
            return printer.json(&json!({"file": to.display().to_string(), "tasks": tasks, "bytes": bytes}));
        }
        printer.line(&format!("{}: {tasks} tasks, {bytes} bytes, checked", to.display()))
    }

    /// Until told to stop: a copy that is being made is then broken off. What was asked wrongly ends it at once; a copy that
    /// fails later is told, and tried again next time.
    fn again_and_again(&self, every: Duration) -> Result<(), Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut begun, stopped) = (false, Arc::new(AtomicBool::new(false)));
        runtime.block_on(async {
            let stop = signals::stop();
            tokio::pin!(stop);
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    () = &mut stop => return Ok(()),
                    _ = ticks.tick() => {}
                }
                let (options, told) = (self.clone(), stopped.clone());
                let copy = tokio::task::spawn_blocking(move || options.copy_at(SystemClock.now(), &told));
                tokio::pin!(copy);
                let done = tokio::select! {
                    done = &mut copy => done,
                    () = &mut stop => {
                        stopped.store(true, Ordering::Relaxed);
                        // It leaves nothing behind, or is whole.
                        drop(copy.await);
                        return Ok(());
                    }
                };
                match done.unwrap_or_else(|error| Err(Trouble::Failed(error.to_string()))) {
                    Err(trouble) if !begun => return Err(trouble),
                    Err(trouble) => drop(trouble.told()),
                    Ok(()) => begun = true,
                }
            }
        })
    }

    fn copy_at(&self, now: Timestamp, stopped: &AtomicBool) -> Result<(), Trouble> {
        self.copy(&kept::named(&self.file, now), stopped)?;
        // Only now that a newer one is whole.
        self.keep.map_or(Ok(()), |keep| Ok(kept::remove_all_but(&self.file, keep)?))
    }
}

impl From<BackupError> for Trouble {
    fn from(error: BackupError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let told = format!("{error}{cause}");
        match error {
            BackupError::NoDatabase(_) | BackupError::Exists(_) | BackupError::NoPlace { .. } => Self::Usage(told),
            BackupError::NewerSchema { .. }
            | BackupError::Unkept { .. }
            | BackupError::NoSpace { .. }
            | BackupError::Broken { .. }
            | BackupError::Stopped(_)
            | BackupError::Torn { .. } => Self::Failed(told),
        }
    }
}
