//! The process itself: started on a free port, waited for, and tied to the life of this one.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::venv;

/// How long it may take to answer. It takes one second, more on a machine under load.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often another port is tried when somebody else was faster to take it.
const PORTS_TRIED: u32 = 5;

/// A running MiniStack. Never dropped: it ends when this process does, by whatever death, since that closes the
/// pipe it reads (see `run.py`).
pub(super) struct MiniStack {
    url: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "it holds the pipe"))]
    child: Child,
}

impl MiniStack {
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn start() -> Result<Self, String> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let venv = venv::venv("ministack", &tests.join("requirements.txt"))?;
        let scratch = tests.join("../target/ministack");
        std::fs::create_dir_all(&scratch).map_err(|e| format!("cannot create {}: {e}", scratch.display()))?;
        let mut said = String::new();
        for _ in 0..PORTS_TRIED {
            match Self::start_on(free_port()?, &venv, &scratch)? {
                Ok(stack) => return Ok(stack),
                Err(log) => said = log,
            }
        }
        Err(format!("MiniStack did not start; it said:\n{said}"))
    }

    /// The inner error is its log, if it ended at once: its port may have been taken.
    fn start_on(port: u16, venv: &Path, scratch: &Path) -> Result<Result<Self, String>, String> {
        let url = format!("http://127.0.0.1:{port}");
        let log_path = scratch.join(format!("{port}.log"));
        let log = std::fs::File::create(&log_path).map_err(|e| format!("cannot create {}: {e}", log_path.display()))?;
        let errors = log.try_clone().map_err(|e| format!("cannot share {}: {e}", log_path.display()))?;
        // Shows in its health answer, and tells it from another process's.
        let mark = format!("of-{}-{port}", std::process::id());
        let mut python = Command::new(venv::program(venv, "python"));
        python
            .args(["-c", include_str!("run.py")])
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("IOT_MTLS_ENABLED", "0")
            .env("AWS_ENDPOINT_URL", &url)
            .env("MINISTACK_EDITION", &mark)
            .env("TMPDIR", scratch)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors);
        let mut child = python.spawn().map_err(|e| format!("cannot run {}: {e}", python.get_program().display()))?;
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Ok(Err(std::fs::read_to_string(&log_path).unwrap_or_default()));
            }
            if health(port).is_some_and(|answer| answer.contains(&mark)) {
                return Ok(Ok(Self { url, child }));
            }
            // Another process starts: there is nothing to be told by.
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = child.kill();
        Err(format!("MiniStack did not answer within {START_LIMIT:?}; see {}", log_path.display()))
    }
}

/// A port that nobody listens on just now.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr());
    listener.map(|address| address.port()).map_err(|e| format!("no free port: {e}"))
}

/// What whoever listens on `port` says of its health.
fn health(port: u16) -> Option<String> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream.write_all(b"GET /_ministack/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_ends_with_the_pipe_that_this_process_holds() {
        let mut stack = MiniStack::start().unwrap();
        assert!(health(stack.url.rsplit(':').next().unwrap().parse().unwrap()).is_some());
        drop(stack.child.stdin.take()); // as the kernel does when this process dies
        stack.child.wait().unwrap();
    }
}
