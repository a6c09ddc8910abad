//! Tasks that are kept for a time of their own once they have ended, as a rule for their type or queue has it. It is settled as
//! a task ends, so that nobody looks through those that are kept longer or shorter than others.

use errand::{Task, Timestamp, spi::store::Retention};
use rusqlite::{Connection, params};

/// Notes until when a task is kept, where a rule says so and it has ended; and forgets it where it had ended and is set going
/// again. A plain task's end asks nothing of the file.
pub(super) fn note(
    db: &Connection,
    task_n: i64,
    had_ended: bool,
    task: &Task,
    retention: &Retention,
) -> rusqlite::Result<()> {
    match task.ended_at {
        Some(ended_at) if retention.has_rule_for(task) => {
            let until = (ended_at + retention.of(task)).as_millis();
            db.prepare_cached("INSERT OR REPLACE INTO kept (task_n, until) VALUES (?1, ?2)")?
                .execute([task_n, until])?
        }
        None if had_ended => db.prepare_cached("DELETE FROM kept WHERE task_n = ?1")?.execute([task_n])?,
        _ => 0,
    };
    Ok(())
}

/// At most `limit` tasks whose own time is over at `now`, and that owe nothing.
pub(super) fn past(db: &Connection, now: Timestamp, limit: i64) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(
        "SELECT k.task_n FROM kept k CROSS JOIN tasks t ON t.n = k.task_n
         WHERE k.until < ?1 AND t.wake_at IS NULL ORDER BY k.until LIMIT ?2",
    )?
    .query_map(params![now.as_millis(), limit], |row| row.get(0))?
    .collect()
}
