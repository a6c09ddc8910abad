-- Tasks by the task that they follow from. Only those have an entry: any other costs no more than it did.
CREATE INDEX tasks_parent ON tasks (tenant, parent_id, created_at, id) WHERE parent_id IS NOT NULL;
