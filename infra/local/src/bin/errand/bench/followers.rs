//! Readers that follow the list of what is told: how soon each hears, and what memory they take.

use anyhow::Context;
use errand::{
    Timestamp,
    spi::clock::{Clock, SystemClock},
};
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::{Options, bar, child::Server, open_more_files, report::Report};
use crate::client::Client;

const FOLLOWERS: usize = 1_000;

/// So many connections for these, of which half may be from one address.
const CONNECTIONS: &str = "4096";

/// Tasks whose ends are told, one after the other.
const TASKS: usize = 20;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    open_more_files()?;
    let server = Server::start_with(options, "followers", &["--connections", CONNECTIONS])?;
    let client = Client::new(&server.url, None)?;
    let before = server.rss_mb()?;
    let connected = (0..FOLLOWERS).map(|_| Follower::connect(&server.url));
    let followers = try_join_all(connected).await?;
    let bar = bar(TASKS as u64, "ends told to 1,000 followers");
    let reading = followers.into_iter().map(|follower| tokio::spawn(follower.read(TASKS)));
    let reading: Vec<_> = reading.collect();
    let task = json!({"task_type": "scripted", "payload": {}}).to_string();
    for _ in 0..TASKS {
        client.post("/v1/tasks", task.clone()).await?;
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        bar.inc(1);
    }
    let mut lags = Vec::new();
    for reading in reading {
        lags.extend(reading.await??);
    }
    bar.finish();
    report.rss_1000_followers_mb = Some(server.rss_mb()? - before);
    lags.sort_unstable();
    #[allow(clippy::cast_precision_loss)] // milliseconds
    let ms = |lag: Option<&i64>| lag.map(|ms| *ms as f64);
    (report.followed_ms_p50, report.followed_ms_max) = (ms(lags.get(lags.len() / 2)), ms(lags.last()));
    Ok(())
}

/// A reader of the list, connected.
struct Follower {
    response: reqwest::Response,
    unread: String,
}

impl Follower {
    async fn connect(url: &str) -> anyhow::Result<Self> {
        // Each with a connection of its own, as different readers have.
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.get(format!("{url}/v1/events")).header("accept", "text/event-stream");
        let response = request.send().await?.error_for_status()?;
        Ok(Self { response, unread: String::new() })
    }

    /// Reads so many events; how many milliseconds after its commit each was read.
    async fn read(mut self, count: usize) -> anyhow::Result<Vec<i64>> {
        let mut lags = Vec::new();
        while lags.len() < count {
            let chunk = self.response.chunk().await?.context("a stream has ended")?;
            let now = SystemClock.now();
            self.unread.push_str(std::str::from_utf8(&chunk)?);
            while let Some((line, rest)) = self.unread.split_once('\n') {
                if let Some(data) = line.strip_prefix("data: ") {
                    lags.push(now.as_millis() - told_at(data)?.as_millis());
                }
                self.unread = rest.to_owned();
            }
        }
        Ok(lags)
    }
}

fn told_at(event: &str) -> anyhow::Result<Timestamp> {
    let event: Value = serde_json::from_str(event)?;
    Ok(serde_json::from_value(event.get("time").context("an event without a time")?.clone())?)
}
