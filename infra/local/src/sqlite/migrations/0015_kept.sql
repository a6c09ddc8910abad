-- Until when ended tasks are kept whose type or queue has a rule of its own; all others are kept as long as each other.
CREATE TABLE kept (
    task_n INTEGER PRIMARY KEY, -- tasks.n
    until  INTEGER NOT NULL
) STRICT;

CREATE INDEX kept_until ON kept (until);
