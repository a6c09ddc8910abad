-- How many of a tenant's tasks ended in each minute of the last day. Ordered by minute for the sake of who removes the old
-- ones. Of what ended before this table was there it says nothing.
CREATE TABLE minutes (
    minute    INTEGER NOT NULL,     -- its start, UTC
    tenant    TEXT NOT NULL,
    completed INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    PRIMARY KEY (minute, tenant)
) STRICT, WITHOUT ROWID;
