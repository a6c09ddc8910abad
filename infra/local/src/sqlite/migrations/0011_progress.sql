-- How far the work on a task is, as a worker last said: JSON.
ALTER TABLE tasks ADD COLUMN progress TEXT;
