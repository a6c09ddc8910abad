-- The request that made the task, as log lines name it.
ALTER TABLE tasks ADD COLUMN request_id TEXT;
