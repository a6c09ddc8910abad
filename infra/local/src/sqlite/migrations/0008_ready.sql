-- Which of the workers of its type a task is for that is pulled; null: any that asks for no pool. And the tasks that such
-- workers may take, in the order in which they are given out.
ALTER TABLE tasks ADD COLUMN pool TEXT;
UPDATE tasks SET pool = coalesce(
    (SELECT json_extract(given, '$.profile') FROM
        (SELECT coalesce(tasks.payload, (SELECT p.payload FROM payloads p WHERE p.task_n = tasks.n)) AS given)
        WHERE json_valid(given)),
    'default')
WHERE task_type = 'run_outside';
CREATE INDEX tasks_ready ON tasks (tenant, task_type, pool, priority, run_at)
WHERE dispatch = 'pulled' AND status = 'pending';
