//! What of a queue has failed, by what it failed of.

use errand::{
    Fingerprint, Name, State, StoreError, Task, TaskKey, Timestamp,
    spi::{
        lifecycle::KeptFailure,
        store::{FailureGroup, Failures, MOST_FAILURE_GROUPS},
    },
};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{columns::int, reader::failed};

/// Notes that a task, which may have been failed before, is so now, or no longer.
pub(super) fn note(db: &Connection, task_n: i64, queue_n: i64, task: &Task) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM failed WHERE task_n = ?1")?.execute([task_n])?;
    if let State::Failed { failure } = &task.state {
        let ended_at = task.ended_at.unwrap_or(failure.at).as_millis();
        db.prepare_cached("INSERT INTO failed (task_n, queue_n, fingerprint, ended_at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![task_n, queue_n, failure.group(&task.task_type).as_str(), ended_at])?;
    }
    Ok(())
}

/// Names the groups of what failed before there were any.
pub(super) fn name_groups(db: &Connection) -> rusqlite::Result<()> {
    let sql =
        "SELECT t.n, t.task_type, t.failure FROM failed f JOIN tasks t ON t.n = f.task_n WHERE f.fingerprint = ''";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let unnamed: Vec<(i64, String, String)> = db.prepare(sql)?.query_map([], read)?.collect::<Result<_, _>>()?;
    let mut name = db.prepare("UPDATE failed SET fingerprint = ?2 WHERE task_n = ?1")?;
    for (task_n, task_type, failure) in unnamed {
        // What cannot be read is shown in no list either.
        if let (Ok(task_type), Ok(failure)) = (Name::new(&task_type), serde_json::from_str::<KeptFailure>(&failure)) {
            name.execute((task_n, failure.group(&task_type).as_str()))?;
        }
    }
    Ok(())
}

/// The groups of a queue, the newest first.
pub(super) fn groups(db: &Connection, (tenant, project, queue): (&Name, &Name, &Name)) -> Result<Failures, StoreError> {
    let sql = "WITH groups AS (
            SELECT queue_n, fingerprint, count(*) AS tasks, min(ended_at) AS first_seen, max(ended_at) AS last_seen
            FROM failed WHERE fingerprint <> '' AND queue_n = (SELECT n FROM queues WHERE tenant = ?1 AND project = ?2 AND queue = ?3)
            GROUP BY fingerprint ORDER BY last_seen DESC, fingerprint LIMIT ?4)
        SELECT g.fingerprint, g.tasks, g.first_seen, g.last_seen, t.id, t.task_type, t.failure
        FROM groups g CROSS JOIN tasks t ON t.n =
            (SELECT task_n FROM failed f WHERE f.queue_n = g.queue_n AND f.fingerprint = g.fingerprint
             ORDER BY f.ended_at DESC LIMIT 1)
        ORDER BY g.last_seen DESC, g.fingerprint";
    let read = || {
        // One more than is told tells whether there are more.
        let most = int(MOST_FAILURE_GROUPS as u64 + 1);
        let of = params![tenant.as_str(), project.as_str(), queue.as_str(), most];
        let mut query = db.prepare_cached(sql)?;
        let mut rows = query.query(of)?;
        let mut groups = Vec::new();
        while let Some(row) = rows.next()? {
            groups.push(Group {
                fingerprint: row.get(0)?,
                tasks: row.get(1)?,
                seen: (row.get(2)?, row.get(3)?),
                newest: Uuid::from_bytes(row.get(4)?),
                task_type: row.get(5)?,
                failure: row.get(6)?,
            });
        }
        Ok(groups)
    };
    let found = read().map_err(failed)?;
    let whole = found.len() <= MOST_FAILURE_GROUPS;
    let groups = found.into_iter().take(MOST_FAILURE_GROUPS).map(|group| {
        let id = group.newest;
        group.whole(tenant).map_err(|source| StoreError::Corrupt { id: id.to_string(), source })
    });
    Ok(Failures { groups: groups.collect::<Result<_, _>>()?, whole })
}

/// A group as its row has it.
struct Group {
    fingerprint: String,
    tasks: i64,
    seen: (i64, i64),
    newest: Uuid,
    task_type: String,
    failure: String,
}

impl Group {
    fn whole(self, tenant: &Name) -> anyhow::Result<FailureGroup> {
        let failure: KeptFailure = serde_json::from_str(&self.failure)?;
        Ok(FailureGroup {
            fingerprint: Fingerprint::try_from(self.fingerprint).map_err(anyhow::Error::msg)?,
            task_type: Name::new(&self.task_type)?,
            kind: failure.kind,
            message: failure.message,
            newest: TaskKey { tenant: tenant.clone(), id: self.newest },
            tasks: u64::try_from(self.tasks)?,
            first_seen: Timestamp::from_millis(self.seen.0),
            last_seen: Timestamp::from_millis(self.seen.1),
        })
    }
}
