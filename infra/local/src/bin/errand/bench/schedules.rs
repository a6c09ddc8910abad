//! How late a hundred schedules fire that all come at the same seconds.

use std::time::Duration;

use super::{Options, bar, batch::Bench, call::Call, report::Report};

const SCHEDULES: u64 = 100;
const EVERY_S: u64 = 2;
const SECONDS: u64 = 30;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let bench = Bench::start(options, "schedules").await?;
    for n in 0..SCHEDULES {
        let put = format!(r#"{{"spec":{{"every_s":{EVERY_S}}},"task":{{"task_type":"scripted"}}}}"#);
        Call::of("PutSchedule").id(&format!("s-{n}")).body(put).answer(bench.app()).await?;
    }
    let bar = bar(SECONDS, "100 schedules, every two seconds");
    for _ in 0..SECONDS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bar.inc(1);
    }
    bar.finish();
    let sql = "SELECT count(*), max(late) FROM (SELECT coalesce(last_attempted_at, created_at)
             - CAST(round(unixepoch(schedule ->> 'nominal', 'subsec') * 1000) AS INTEGER) AS late
         FROM tasks WHERE schedule IS NOT NULL AND ended_at IS NOT NULL)";
    let (fired, late_ms): (u32, f64) = bench.open()?.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    anyhow::ensure!(u64::from(fired) >= SCHEDULES * (SECONDS / EVERY_S - 1), "only {fired} firings");
    report.scheduled_max_late_ms = Some(late_ms);
    bench.stop().await;
    Ok(())
}
