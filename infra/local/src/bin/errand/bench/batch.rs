//! Many tasks through the function libraries, in this process, without HTTP in between.

use std::{path::PathBuf, time::Duration};

use anyhow::ensure;
use errand::{App, spi::store::StatsScope};
use errand_local::{options, running::RunningServer};
use futures::future::try_join_all;
use indicatif::ProgressBar;
use rusqlite::{Connection, OpenFlags};
use shared::handlers::{Installation, types};

use super::{Options, bar, call::Call};

/// Requests in one `POST /v1/tasks/batch`.
const BATCH: u64 = 100;

/// Batches enqueued at the same time.
const PRODUCERS: u64 = 4;

/// A server on a database of its own.
pub(super) struct Bench {
    server: RunningServer,
    file: PathBuf,
}

/// How fast it went.
pub(super) struct Measured {
    pub(super) tasks_per_s: f64,
}

impl Bench {
    pub(super) async fn start(bench: &Options, name: &str) -> anyhow::Result<Self> {
        let data = bench.data.join(name);
        let file = data.join("errand.db");
        let types = types(&Installation { scripted: true, ..Installation::default() });
        let options = options::Options::on_a_free_port(data, bench.synchronous);
        Ok(Self { server: RunningServer::start(&options, types).await?, file })
    }

    /// Enqueues `tasks` and waits until the last has ended.
    pub(super) async fn run(&self, tasks: u64, what: &str) -> anyhow::Result<Measured> {
        let before = self.completed().await?;
        let since = self.server.app.clock.now();
        let bar = bar(tasks, what);
        let batches = tasks.div_ceil(BATCH);
        let producers = (0..PRODUCERS).map(|nth| self.produce((nth..batches).step_by(PRODUCERS as usize), tasks));
        let (produced, done) = tokio::join!(try_join_all(producers), self.wait(before + tasks, before, &bar));
        produced?;
        done?;
        bar.finish();
        let db = self.open()?;
        let (first, last): (i64, i64) = db.query_row(
            "SELECT min(created_at), max(ended_at) FROM tasks WHERE created_at >= ?1",
            [since.as_millis()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        #[allow(clippy::cast_precision_loss)] // some millions at the most
        let tasks_per_s = tasks as f64 * 1000.0 / (last - first).max(1) as f64;
        Ok(Measured { tasks_per_s })
    }

    /// That there are just so many tasks, all completed, with one log row each.
    pub(super) fn check(&self, tasks: u64) -> anyhow::Result<()> {
        let db = self.open()?;
        let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
        let completed = count("SELECT count(*) FROM tasks WHERE status = 'completed' AND executions = 1")?;
        let all = count("SELECT count(*) FROM tasks")?;
        let rows = count("SELECT count(*) FROM action_log")?;
        let tasks = i64::try_from(tasks)?;
        ensure!((all, completed, rows) == (tasks, tasks, tasks), "{all} tasks, {completed} completed, {rows} log rows");
        Ok(())
    }

    pub(super) fn app(&self) -> &App {
        &self.server.app
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }

    async fn produce(&self, batches: impl Iterator<Item = u64>, tasks: u64) -> anyhow::Result<()> {
        for nth in batches {
            let size = BATCH.min(tasks - nth * BATCH);
            Call::of("EnqueueBatch").body(batch_body(size, "")).answer(&self.server.app).await?;
        }
        Ok(())
    }

    async fn wait(&self, until: u64, before: u64, bar: &ProgressBar) -> anyhow::Result<()> {
        loop {
            let completed = self.completed().await?;
            bar.set_position(completed - before);
            if completed >= until {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn completed(&self) -> anyhow::Result<u64> {
        let app = &self.server.app;
        Ok(app.store.stats(&StatsScope::All, app.clock.now()).await?.now.completed)
    }

    pub(super) fn open(&self) -> anyhow::Result<Connection> {
        Ok(Connection::open_with_flags(&self.file, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
    }
}

/// The body of a batch of `size` scripted tasks with payloads of 200 bytes; `more` is put into each request.
pub(super) fn batch_body(size: u64, more: &str) -> String {
    let task = task_body(more);
    let tasks = vec![task; usize::try_from(size).unwrap_or_default()].join(",");
    format!(r#"{{"tasks":[{tasks}]}}"#)
}

/// The body of one request for a scripted task with a payload of 200 bytes.
pub(super) fn task_body(more: &str) -> String {
    let payload = format!(r#"{{"ballast":"{}"}}"#, "x".repeat(200 - r#"{"ballast":""}"#.len()));
    format!(r#"{{"task_type":"scripted","payload":{payload}{more}}}"#)
}
