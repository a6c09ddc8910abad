-- The schedule that made a task, and which of its firings it is: JSON.
ALTER TABLE tasks ADD COLUMN schedule TEXT;
