-- Errand's tables. Times are milliseconds since 1970 (datetime(created_at / 1000, 'unixepoch') reads them), ids are the
-- 16 bytes of a UUID (hex(id) reads them, x'…' writes them), lists and objects are JSON text.

-- Every queue there has been, and how many tasks of each kind stand in it, kept exact by the transaction that changes them.
CREATE TABLE queues (
    n         INTEGER PRIMARY KEY,
    tenant    TEXT NOT NULL,
    project   TEXT NOT NULL,
    queue     TEXT NOT NULL,
    open      INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    failed    INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    blocked   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, project, queue)
) STRICT;

-- The columns that a change compares stand first, large text last: a row is read from its start.
CREATE TABLE tasks (
    n                 INTEGER PRIMARY KEY, -- order of arrival: what is worked on together lies together
    id                BLOB NOT NULL,
    tenant            TEXT NOT NULL,
    queue_n           INTEGER NOT NULL,    -- queues.n
    version           BLOB NOT NULL,
    status            TEXT NOT NULL,
    worker            BLOB,                -- running
    executions        INTEGER NOT NULL,
    wake_at           INTEGER,
    ended_at          INTEGER,
    priority          INTEGER NOT NULL,    -- 0 urgent, 1 high, 2 medium, 3 low: text would sort urgent last
    created_at        INTEGER NOT NULL,
    user_id           TEXT,
    lane              TEXT NOT NULL,
    task_type         TEXT NOT NULL,
    updated_at        INTEGER NOT NULL,
    project           TEXT NOT NULL,
    queue             TEXT NOT NULL,
    agent_type        TEXT,
    context_id        TEXT,
    context_type      TEXT,
    parent_id         BLOB,
    payload_hash      TEXT NOT NULL,
    idempotency_key   TEXT,
    max_retries       INTEGER NOT NULL,
    timeout_s         INTEGER NOT NULL,
    scheduled_for     INTEGER NOT NULL,
    created_by        TEXT NOT NULL,
    expires_at        INTEGER,
    last_attempted_at INTEGER,
    dead_lettered_at  INTEGER,
    failures          INTEGER NOT NULL,
    losses            INTEGER NOT NULL,
    snoozes           INTEGER NOT NULL,
    notified          INTEGER NOT NULL,
    redrives          INTEGER NOT NULL,
    log_seq           INTEGER NOT NULL,
    revision          INTEGER NOT NULL,
    latest_execution  INTEGER,             -- latest_attempt
    latest_outcome    TEXT,
    latest_ended_at   INTEGER,
    session_path      TEXT,
    redrive_note      TEXT,
    last_errors       TEXT,
    run_at            INTEGER,             -- pending
    hinted            INTEGER,             -- pending
    lease_expires_at  INTEGER,             -- running
    started_at        INTEGER,             -- running
    reason            TEXT,                -- cancelled, blocked
    failure           TEXT,                -- failed
    output            TEXT,                -- completed
    payload           TEXT,                -- a large one is in payloads, so that a change of the row does not copy it
    UNIQUE (id, tenant)
) STRICT;

CREATE INDEX tasks_due ON tasks (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX tasks_open ON tasks (queue_n, priority, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX tasks_ended ON tasks (queue_n, status, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_user ON tasks (tenant, user_id, created_at, id) WHERE user_id IS NOT NULL;

CREATE TABLE payloads (
    task_n  INTEGER PRIMARY KEY, -- tasks.n
    payload TEXT NOT NULL
) STRICT;

-- One row for each ended execution and each action of an operator, in the order they happened; never changed.
CREATE TABLE action_log (
    n              INTEGER PRIMARY KEY,
    task_n         INTEGER,             -- tasks.n; null once the task was removed, which the log outlives
    task_id        BLOB NOT NULL,
    seq            INTEGER NOT NULL,
    tenant         TEXT NOT NULL,
    kind           TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    execution      INTEGER NOT NULL,
    action_type    TEXT NOT NULL,
    agent_type     TEXT,
    user_id        TEXT,
    context_id     TEXT,
    context_type   TEXT,
    worker         BLOB,
    by             TEXT,
    started_at     INTEGER NOT NULL,
    ended_at       INTEGER NOT NULL,
    latency_ms     INTEGER NOT NULL,
    payload_hash   TEXT NOT NULL,
    model          TEXT,
    tokens_in      INTEGER,
    tokens_out     INTEGER,
    cost_usd       REAL,
    effects        TEXT,
    reason         TEXT,
    failure        TEXT,
    output_excerpt TEXT
) STRICT;

-- By number, not by id: ids made from idempotency keys are random, and each row would dirty a page of its own.
CREATE UNIQUE INDEX action_log_task ON action_log (task_n, seq) WHERE task_n IS NOT NULL;
CREATE INDEX action_log_removed ON action_log (task_id, seq) WHERE task_n IS NULL;

-- Domain records. A relation's order is that of its sort key, then of the record's id, as one text.
CREATE TABLE records (
    tenant      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    id          TEXT NOT NULL,
    version     BLOB NOT NULL,
    wake_at     INTEGER,
    expires_at  INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    parent      TEXT,
    parent_sort TEXT,
    owner       TEXT,
    owner_sort  TEXT,
    doc         TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT;

CREATE INDEX records_due ON records (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX records_expiring ON records (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX records_parent ON records (tenant, kind, parent, parent_sort || '#' || id) WHERE parent IS NOT NULL;
CREATE INDEX records_owner ON records (tenant, kind, owner, owner_sort || '#' || id) WHERE owner IS NOT NULL;
