//! One task that makes 10,000 and waits for them.

use std::time::Duration;

use super::{Options, bar, batch::Bench, call::Call, report::Report};

const MEMBERS: u64 = 10_000;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let bench = Bench::start(options, "groups").await?;
    let bar = bar(MEMBERS + 1, "10,000 tasks of one, which waits");
    let parent = format!(r#"{{"task_type":"scripted","payload":{{"acts":[{{"fan_out":{MEMBERS}}}]}}}}"#);
    Call::of("EnqueueTask").body(parent).answer(bench.app()).await?;
    loop {
        let completed = bench.completed().await?;
        bar.set_position(completed);
        if completed > MEMBERS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bar.finish();
    let (made_ms, started_ms) = bench.open()?.query_row(
        "SELECT waited.latency_ms, ended.started_at - (SELECT max(ended_at) FROM tasks WHERE parent_id IS NOT NULL)
         FROM action_log waited JOIN action_log ended USING (task_n) WHERE waited.outcome = 'waited' AND ended.seq = 2",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    (report.fan_out_10k_ms, report.started_after_10k_ms) = (Some(made_ms), Some(started_ms));
    bench.stop().await;
    Ok(())
}
