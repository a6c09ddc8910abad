-- What failed tasks failed of. Kept apart, since most tasks never fail, and counted as it is read: whatever removes a task,
-- or sets it going again, is counted at once.
CREATE TABLE failed (
    task_n      INTEGER PRIMARY KEY, -- tasks.n
    queue_n     INTEGER NOT NULL,    -- queues.n
    fingerprint TEXT NOT NULL,       -- what names the group
    ended_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX failed_groups ON failed (queue_n, fingerprint, ended_at);

-- Named right after this, as the rest is.
INSERT INTO failed (task_n, queue_n, fingerprint, ended_at)
SELECT n, queue_n, '', ended_at FROM tasks WHERE status = 'failed' AND ended_at IS NOT NULL;

CREATE TRIGGER failed_removed AFTER DELETE ON tasks WHEN old.status = 'failed'
BEGIN
    DELETE FROM failed WHERE task_n = old.n;
END;
