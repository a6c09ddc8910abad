-- The trace that a task was asked for in, as the header `traceparent` says it.
ALTER TABLE tasks ADD COLUMN traceparent TEXT;
