-- How many tasks there are of each status, and how many entered each in an hour. Kept by the transactions that change
-- tasks, and not by counting: what is removed for its age stays counted.

CREATE TABLE counters (
    queue_n           INTEGER NOT NULL, -- queues.n
    lane              TEXT NOT NULL,
    task_type         TEXT NOT NULL,
    pending           INTEGER NOT NULL,
    running           INTEGER NOT NULL,
    completed         INTEGER NOT NULL,
    failed            INTEGER NOT NULL,
    cancelled         INTEGER NOT NULL,
    blocked           INTEGER NOT NULL,
    changes           INTEGER NOT NULL, -- of a status, inserts included; only rises
    last_processed_at INTEGER,          -- completed or failed
    PRIMARY KEY (queue_n, lane, task_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE hours (
    hour      INTEGER NOT NULL,     -- its start, UTC
    queue_n   INTEGER NOT NULL,     -- queues.n
    pending   INTEGER NOT NULL,
    running   INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    blocked   INTEGER NOT NULL,
    PRIMARY KEY (hour, queue_n)
) STRICT, WITHOUT ROWID;

-- How many pending tasks are due from this second on (their run_at, rounded up): how long work waits for a worker. An
-- index on tasks would be written twice for every task; a second is written once for all that arrive or run in it.
CREATE TABLE waiting (
    queue_n  INTEGER NOT NULL,      -- queues.n
    due_from INTEGER NOT NULL,
    tasks    INTEGER NOT NULL,      -- never 0
    PRIMARY KEY (queue_n, due_from)
) STRICT, WITHOUT ROWID;

-- What a file of the first schema holds. Its earlier changes are unknown: each task counts as one.
INSERT INTO counters
SELECT queue_n, lane, task_type, sum(status = 'pending'), sum(status = 'running'), sum(status = 'completed'),
    sum(status = 'failed'), sum(status = 'cancelled'), sum(status = 'blocked'), count(*),
    max(CASE WHEN status IN ('completed', 'failed') THEN ended_at END)
FROM tasks GROUP BY queue_n, lane, task_type;

INSERT INTO waiting
SELECT queue_n, (run_at + 999) / 1000 * 1000, count(*) FROM tasks WHERE ended_at IS NULL AND run_at IS NOT NULL
GROUP BY 1, 2;

ALTER TABLE queues DROP COLUMN open;
ALTER TABLE queues DROP COLUMN completed;
ALTER TABLE queues DROP COLUMN failed;
ALTER TABLE queues DROP COLUMN cancelled;
ALTER TABLE queues DROP COLUMN blocked;
