-- What all queues have together stands as queue 0, its lane and type empty: health reads it, and must not take longer the
-- more queues there are.
INSERT INTO counters
SELECT 0, '', '', sum(pending), sum(running), sum(completed), sum(failed), sum(cancelled), sum(blocked), sum(changes),
    max(last_processed_at)
FROM counters GROUP BY 1;

INSERT INTO hours
SELECT hour, 0, sum(pending), sum(running), sum(completed), sum(failed), sum(cancelled), sum(blocked)
FROM hours GROUP BY hour;

-- The same of how long work waits.
CREATE INDEX waiting_due ON waiting (due_from);
