-- What is told of each tenant: the ends of its tasks, and what was published, in the order of the commits.
CREATE TABLE told (
    tenant     TEXT NOT NULL,
    place      INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    event_id   TEXT,               -- of what was published: records.id, its kind being event
    version    BLOB,               -- of an end, as all that follows: the task's version after it
    task_id    BLOB,
    task_type  TEXT,
    old_status TEXT,
    new_status TEXT,
    PRIMARY KEY (tenant, place)
) STRICT, WITHOUT ROWID;

-- The last place of each tenant's list. It outlives what was told: readers' cursors must not begin again.
CREATE TABLE told_places (
    tenant TEXT PRIMARY KEY,
    last   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was listed before keeps its place, and so do the cursors that readers have.
INSERT INTO told (tenant, place, at, event_id)
SELECT tenant, CAST(owner_sort AS INTEGER), created_at, id FROM records
WHERE kind = 'event' AND owner = 'cc7d7ae8-90c2-5e50-9def-1bb58cb603dd';

INSERT INTO told_places (tenant, last)
SELECT tenant, max(last) FROM (
    SELECT tenant, place AS last FROM told
    UNION ALL
    SELECT id, doc ->> 'last' FROM records WHERE tenant = '_errand' AND kind = 'outbox' AND doc ->> 'last' IS NOT NULL
    UNION ALL
    SELECT tenant, 0 FROM records WHERE kind = 'event'
) GROUP BY tenant;

-- What was not listed yet comes behind it.
INSERT INTO told (tenant, place, at, event_id)
SELECT r.tenant, p.last + row_number() OVER (PARTITION BY r.tenant ORDER BY r.created_at, r.version), r.created_at, r.id
FROM records r JOIN told_places p ON p.tenant = r.tenant
WHERE r.kind = 'event' AND r.owner IS NULL;

UPDATE told_places
SET last = max(last, (SELECT coalesce(max(place), 0) FROM told t WHERE t.tenant = told_places.tenant));
