-- The timeout of a run that is done outside was how long its lease lasted, which its worker renewed as often as it liked.
-- Now that is its whole time: those of before have all there is. Its pool is its profile, as of those before 0008.
UPDATE tasks SET timeout_s = 86400, pool = coalesce(
    pool,
    (SELECT json_extract(given, '$.profile') FROM
        (SELECT coalesce(tasks.payload, (SELECT p.payload FROM payloads p WHERE p.task_n = tasks.n)) AS given)
        WHERE json_valid(given)),
    'default')
WHERE task_type = 'run_outside';
