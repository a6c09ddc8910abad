//! How much memory 100,000 waiting tasks take.

use super::{Options, bar, batch::batch_body, child::Server, report::Report};
use crate::client::Client;

const TASKS: u64 = 100_000;
const BATCH: u64 = 100;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(options, "waiting")?;
    let client = Client::new(&server.url, None)?;
    let bar = bar(TASKS, "100,000 tasks waiting");
    // Near enough that each has its message in the queue: the dearest way to wait.
    let body = batch_body(BATCH, r#","delay_s":800"#);
    for _ in 0..TASKS / BATCH {
        client.post("/v1/tasks/batch", body.clone()).await?;
        bar.inc(BATCH);
    }
    bar.finish();
    report.rss_100k_waiting_mb = Some(server.rss_mb()?);
    Ok(())
}
