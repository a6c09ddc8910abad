//! What was measured, as a table or a line of JSON.

use std::fmt;

use serde::Serialize;

/// The figures; absent where that measurement was not made.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    /// Tasks from first insert to last end, through the function libraries in batches of 100.
    pub batch_tasks_per_s: Option<f64>,
    /// The same one by one over HTTP, from 32 connections.
    pub http_tasks_per_s: Option<f64>,
    /// From sending the request to the task's end, at 500 requests a second.
    pub p50_ms_at_500: Option<f64>,
    /// The same, 99th percentile.
    pub p99_ms_at_500: Option<f64>,
    /// The server's memory after its start.
    pub rss_idle_mb: Option<f64>,
    /// The server's memory with 100,000 tasks waiting.
    pub rss_100k_waiting_mb: Option<f64>,
    /// Batch speed with a million ended tasks in the file, over that on an empty file.
    pub million_ended_ratio: Option<f64>,
    /// The slowest of 100 commander snapshots with those in the file.
    pub commander_ms_with_million: Option<f64>,
    /// Events appended to one run, each in a request of its own, by one runner.
    pub events_per_s_one_run: Option<f64>,
    /// The same, 50 in a request.
    pub events_per_s_one_run_by_50: Option<f64>,
    /// Events appended to 100 runs at the same time, each in a request of its own, by one runner each.
    pub events_per_s_many_runs: Option<f64>,
    /// The same, 50 in a request.
    pub events_per_s_many_runs_by_50: Option<f64>,
    /// How long a page of 100 events of a run that has 100,000 takes: the median of 300.
    pub page_ms_of_100k: Option<f64>,
    /// The slowest of them.
    pub slowest_page_ms_of_100k: Option<f64>,
    /// Tasks of a user's type, claimed and ended by four workers over HTTP, 50 in a request.
    pub pulled_tasks_per_s: Option<f64>,
    /// From sending a task to the answer of the claim that waits for it, median.
    pub claim_ms_p50: Option<f64>,
    /// The same, 99th percentile.
    pub claim_ms_p99: Option<f64>,
    /// Tasks of a user's type, pushed to a target on this machine, from the first request to the last end.
    pub pushed_tasks_per_s: Option<f64>,
    /// What the server's memory grew by for 1,000 calls that were not answered.
    pub rss_1000_calls_mb: Option<f64>,
    /// From the commit of an event to its being read by one of 1,000 that follow the list, median.
    pub followed_ms_p50: Option<f64>,
    /// The same, the latest of all.
    pub followed_ms_max: Option<f64>,
    /// What the server's memory grew by for them.
    pub rss_1000_followers_mb: Option<f64>,
    /// How long a task takes to make 10,000 others, each with its place in a group.
    pub fan_out_10k_ms: Option<f64>,
    /// From the last end of these to the start of who waits for them.
    pub started_after_10k_ms: Option<f64>,
    /// From the second that a schedule names to the start of its task, at most.
    pub scheduled_max_late_ms: Option<f64>,
    /// Batch speed with ten dashboards open, over that without.
    pub watched_ratio: Option<f64>,
    /// How long after its time a deferred task began, at most.
    pub deferred_max_late_ms: Option<f64>,
    /// How many deferred tasks began before their time.
    pub deferred_early: Option<u64>,
    /// The server's processor time, user and system, for a task over HTTP.
    pub cpu_us_per_task: Option<f64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[allow(clippy::cast_precision_loss)] // a count of at most some hundreds
        let early = self.deferred_early.map(|n| n as f64);
        let rows = [
            ("batches of 100, durable", self.batch_tasks_per_s, "tasks/s", 0),
            ("one by one over HTTP, 32 connections", self.http_tasks_per_s, "tasks/s", 0),
            ("enqueue to completed at 500/s, median", self.p50_ms_at_500, "ms", 1),
            ("enqueue to completed at 500/s, p99", self.p99_ms_at_500, "ms", 1),
            ("memory, idle", self.rss_idle_mb, "MB", 1),
            ("memory, 100,000 tasks waiting", self.rss_100k_waiting_mb, "MB", 1),
            ("speed with 1,000,000 ended tasks", self.million_ended_ratio, "of empty", 2),
            ("commander, 1,000,000 tasks, slowest", self.commander_ms_with_million, "ms", 1),
            ("events of one run, one by one", self.events_per_s_one_run, "events/s", 0),
            ("events of one run, 50 in a request", self.events_per_s_one_run_by_50, "events/s", 0),
            ("events of 100 runs, one by one", self.events_per_s_many_runs, "events/s", 0),
            ("events of 100 runs, 50 in a request", self.events_per_s_many_runs_by_50, "events/s", 0),
            ("100 events of 100,000, median", self.page_ms_of_100k, "ms", 1),
            ("100 events of 100,000, slowest", self.slowest_page_ms_of_100k, "ms", 1),
            ("4 workers outside, 50 in a request", self.pulled_tasks_per_s, "tasks/s", 0),
            ("enqueue to a claim that waits, median", self.claim_ms_p50, "ms", 1),
            ("enqueue to a claim that waits, p99", self.claim_ms_p99, "ms", 1),
            ("pushed to a target, 64 at once", self.pushed_tasks_per_s, "tasks/s", 0),
            ("memory for 1,000 unanswered calls", self.rss_1000_calls_mb, "MB", 1),
            ("commit to 1,000 followers, median", self.followed_ms_p50, "ms", 1),
            ("commit to 1,000 followers, latest", self.followed_ms_max, "ms", 1),
            ("memory for 1,000 followers", self.rss_1000_followers_mb, "MB", 1),
            ("10,000 tasks made by one", self.fan_out_10k_ms, "ms", 0),
            ("their last end to who waits for them", self.started_after_10k_ms, "ms", 0),
            ("100 schedules at a second, latest start", self.scheduled_max_late_ms, "ms late", 0),
            ("speed with 10 dashboards open", self.watched_ratio, "of none", 2),
            ("deferred tasks, latest start", self.deferred_max_late_ms, "ms late", 0),
            ("deferred tasks started early", early, "", 0),
            ("processor time over HTTP", self.cpu_us_per_task, "µs/task", 0),
        ];
        for (what, value, unit, digits) in rows {
            if let Some(value) = value {
                writeln!(f, "{what:38} {value:>10.digits$} {unit}")?;
            }
        }
        Ok(())
    }
}
