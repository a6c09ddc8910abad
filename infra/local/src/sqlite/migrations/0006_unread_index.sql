-- Nobody reads rows of removed tasks by task any more: a log is that of one life, and is shown as long as its task is kept.
DROP INDEX action_log_removed;
