//! `errand` as those type it who ask a server, and what it prints and exits with.

mod choosing;
mod contexts;
mod elsewhere;
mod failing;
mod following;
mod looks;
mod reference;
mod scripts;
mod signed;
mod tasks;

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::Server;

/// A person at a shell: with a home of their own, and nothing said by variables.
pub(crate) struct Person {
    pub(crate) home: TempDir,
    url: Option<String>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Person {
    /// Who asks `server`.
    pub(crate) fn at(server: &Server) -> Self {
        Self { home: tempfile::tempdir().unwrap(), url: Some(server.url.clone()) }
    }

    /// Who has been told of no server.
    pub(crate) fn alone() -> Self {
        Self { home: tempfile::tempdir().unwrap(), url: None }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_errand"));
        command.args(args).env_clear().env("HOME", self.home.path()).env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(self.url.iter().map(|url| ("ERRAND_URL", url)));
        command
    }

    pub(crate) fn says(&self, args: &[&str]) -> Came {
        self.says_with(args, &[], "")
    }

    /// With these variables, and `input` on standard input.
    pub(crate) fn says_with(&self, args: &[&str], variables: &[(&str, &str)], input: &str) -> Came {
        let mut command = self.command(args);
        command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who needs no input may have ended before it is written.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// What is printed by a command that ends well and has nothing to add.
    pub(crate) fn hears(&self, args: &[&str]) -> String {
        let came = self.says(args);
        assert_eq!((came.code, &*came.err), (Some(0), ""), "{args:?}: {came:?}");
        came.out
    }

    /// The lines of JSON of a command that ends well.
    pub(crate) fn lines(&self, args: &[&str]) -> Vec<Value> {
        let printed = self.hears(&[args, &["--json"]].concat());
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl From<Output> for Came {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The same with what is different each time masked: ids, times, and how long things took; and with one space in place of more.
pub(crate) fn masked(text: &str) -> String {
    let mut masked = text.to_owned();
    for (pattern, mask) in [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
        (r"\b\d+[smhd] ago\b|\bnow\b", "AGO"),
        (r"\bin \d+[smhd]\b", "AHEAD"),
        (r"\b(\d+ms|\d+\.\ds|\d+m \d+s)\b", "LENGTH"),
        (r"http://127\.0\.0\.1:\d+", "URL"),
        (r" +", " "),
    ] {
        masked = regex::Regex::new(pattern).unwrap().replace_all(&masked, mask).into_owned();
    }
    masked
}
