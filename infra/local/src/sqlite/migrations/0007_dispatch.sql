-- How who runs a task hears of it; null: by a message. Of before this, one type's tasks were pulled, by its name.
ALTER TABLE tasks ADD COLUMN dispatch TEXT;
UPDATE tasks SET dispatch = 'pulled' WHERE task_type = 'run_outside';
