//! A server in a process of its own, so that its memory and processor time are its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail};
use errand::spi::environment::variable;
use errand_local::options::Durability;

use super::Options;

/// A running server; killed when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) url: String,
}

/// Clock ticks a second in /proc: 100 on every Linux of this century (`getconf CLK_TCK`).
const TICK_US: f64 = 10_000.0;

impl Server {
    pub(super) fn start(options: &Options, name: &str) -> anyhow::Result<Self> {
        Self::start_with(options, name, &[])
    }

    /// The same with more flags.
    pub(super) fn start_with(options: &Options, name: &str, more: &[&str]) -> anyhow::Result<Self> {
        let data = options.data.join(name);
        let mut child = Command::new(std::env::current_exe()?)
            .args(flags(options.synchronous))
            .arg(&data)
            .args(more)
            .env("RUST_LOG", variable("RUST_LOG").as_deref().unwrap_or("error"))
            .stderr(Stdio::piped())
            .spawn()
            .context("the server could not be started")?;
        let stderr = child.stderr.take().context("the server has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let url = loop {
            let line = lines.next().context("the server ended before it listened")??;
            if let Some((_, url)) = line.split_once("listens on ") {
                break url.to_owned();
            }
        };
        // What it says from here on is this process's to say; reading on keeps its pipe from filling.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        Ok(Self { child, url })
    }

    /// Resident memory, in MB (10^6 bytes).
    pub(super) fn rss_mb(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let kib: f64 = kib.context("no VmRSS in /proc")?.trim().parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// Processor time so far, user and system, in microseconds.
    pub(super) fn cpu_us(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // The name, in parentheses, may hold spaces; utime and stime are the 12th and 13th field after it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let [Some(user), Some(system)] = [fields.get(11), fields.get(12)] else { bail!("/proc/…/stat is short") };
        Ok((user.parse::<f64>()? + system.parse::<f64>()?) * TICK_US)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(Path::new(&path)).with_context(|| format!("{path} could not be read"))
    }
}

/// How the server is told what to be; the directory of its data follows.
fn flags(synchronous: Durability) -> [&'static str; 7] {
    let synchronous = match synchronous {
        Durability::Full => "full",
        Durability::Normal => "normal",
    };
    ["serve", "--port", "0", "--scripted", "--synchronous", synchronous, "--data"]
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is ours alone and its data is thrown away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command::{Cli, Command};

    #[test]
    fn the_server_takes_the_tasks_that_are_measured() {
        for synchronous in [Durability::Full, Durability::Normal] {
            let told = Cli::try_parse_from(["errand"].into_iter().chain(flags(synchronous)).chain(["data"])).unwrap();
            let Some(Command::Serve(told)) = told.command else { panic!("no server") };
            assert!(told.installation.scripted, "what is measured are `scripted` tasks");
            assert_eq!((told.server.synchronous, told.server.port), (synchronous, 0));
        }
    }
}
