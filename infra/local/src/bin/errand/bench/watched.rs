//! Batches while others look on, beside batches while nobody does.

use std::time::Duration;

use futures::future::try_join_all;
use reqwest::Client;
use tokio::task::JoinSet;

use super::{Options, batch::Bench, report::Report};

/// Dashboards that are open.
const DASHBOARDS: usize = 10;

/// What the first view of one asks, and how often.
const ASKED: [&str; 5] = [
    "/v1/health",
    "/v1/queues",
    "/v1/tasks?queue=*&status=failed&limit=5",
    "/v1/tasks?queue=*&status=blocked&limit=5",
    "/v1/workers?limit=100",
];
const EVERY: Duration = Duration::from_secs(2);

/// How often each is measured: one after the other, for the machine is not the same all the time.
const ROUNDS: usize = 3;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let bench = Bench::start(options, "watched").await?;
    let tasks = u64::from(options.tasks);
    let (mut alone, mut watched) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        alone += bench.run(tasks, "batches of 100, nobody looks on").await?.tasks_per_s;
        let lookers = look_on(&bench.url())?;
        watched += bench.run(tasks, "batches of 100, ten dashboards open").await?.tasks_per_s;
        drop(lookers);
    }
    bench.stop().await;
    report.watched_ratio = Some(watched / alone);
    Ok(())
}

/// Dashboards that are open until this is dropped.
fn look_on(url: &str) -> anyhow::Result<JoinSet<()>> {
    let mut lookers = JoinSet::new();
    for _ in 0..DASHBOARDS {
        // Each with connections of its own, as different browsers have.
        let client = Client::builder().no_proxy().build()?;
        let url = url.to_owned();
        lookers.spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                let answers =
                    ASKED.iter().map(async |path| client.get(format!("{url}{path}")).send().await?.bytes().await);
                // One that is not answered asks again, as a page does.
                drop(try_join_all(answers).await);
            }
        });
    }
    Ok(lookers)
}
