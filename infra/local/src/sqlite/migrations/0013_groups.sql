-- The groups that a task is a member of: JSON. Of a task that waits, `reason` names the group that it waits for, and
-- `started_at` is since when.
ALTER TABLE tasks ADD COLUMN member_of TEXT;

ALTER TABLE counters ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hours ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
