//! The unit of systemd: what it starts is started, and what it waits for is as long as that takes.
//! (That systemd understands it is for a test of the whole project, which has systemd installed.)

use super::default;
use crate::process::Server;

const UNIT: &str = include_str!("../../../systemd/errand.service");

fn setting(name: &str) -> &'static str {
    UNIT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_else(|| panic!("no {name}"))
}

#[tokio::test]
async fn what_it_starts_serves() {
    let started: Vec<&str> = setting("ExecStart").split_whitespace().collect();
    let ["/usr/local/bin/errand", "serve", flags @ ..] = &started[..] else { panic!("{started:?}") };
    let (_, data) = (setting("StateDirectory"), tempfile::tempdir().unwrap());
    let folder = format!("%S/{}", setting("StateDirectory"));
    assert!(flags.contains(&&*folder), "its data is where it may write");
    let of_here = data.path().to_str().unwrap();
    let flags: Vec<&str> = flags.iter().map(|flag| if *flag == folder { of_here } else { flag }).collect();
    let server = Server::start_as(&[&["serve"], &flags[..], &["--port", "0"]].concat());
    assert_eq!(server.get("/v1/health").await["status"], "ok");
    assert!(data.path().join("errand.db").exists());
}

#[test]
fn it_waits_as_long_as_tasks_may_take_to_finish() {
    let (waits, grace) = (setting("TimeoutStopSec"), default("grace-s"));
    let (waits, grace): (u64, u64) = (waits.trim_end_matches('s').parse().unwrap(), grace.parse().unwrap());
    assert!((grace + 6..=grace + 30).contains(&waits), "{waits} s, and 5 s after {grace} s it has ended");
}
