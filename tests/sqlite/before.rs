//! Files as versions before this one left them.

use rusqlite::Connection;

/// What takes back a step of the schema that a test goes behind. (Those not named add nothing that is in the way there.)
const TAKEN_BACK: [(u32, &str); 11] = [
    (17, "DROP TABLE minutes"),
    (16, "ALTER TABLE tasks DROP COLUMN traceparent"),
    (15, "DROP TABLE kept"),
    (14, "DROP TRIGGER failed_removed; DROP TABLE failed"),
    (
        13,
        "ALTER TABLE tasks DROP COLUMN member_of; ALTER TABLE counters DROP COLUMN waiting;
        ALTER TABLE hours DROP COLUMN waiting",
    ),
    (12, "ALTER TABLE tasks DROP COLUMN schedule"),
    (11, "ALTER TABLE tasks DROP COLUMN progress"),
    (9, "DROP TABLE told; DROP TABLE told_places"),
    (8, "DROP INDEX tasks_ready; ALTER TABLE tasks DROP COLUMN pool"),
    (7, "ALTER TABLE tasks DROP COLUMN dispatch"),
    (3, "ALTER TABLE tasks DROP COLUMN request_id"),
];

/// Takes the file back to how the schema of this number has it.
pub(super) fn take_back(db: &Connection, to: u32) {
    for (_, undo) in TAKEN_BACK.iter().filter(|(number, _)| *number > to) {
        db.execute_batch(undo).unwrap();
    }
    db.pragma_update(None, "user_version", to).unwrap();
}
