//! The keys of the action log.

use std::collections::HashMap;

use crate::dynamo::attributes::{Item, number, text};
use errand::{TaskKey, Timestamp};

/// How many log rows one life of a task can have.
const ROWS_PER_LIFE: u64 = 1_000_000;

/// The key of an action-log row. The log outlives its task, and a task of the same idempotency key may follow it: so
/// the number in the key begins with the second in which its task was made, or the second life's first row would find
/// its place taken, for ever.
pub(crate) fn log(key: &TaskKey, born: Timestamp, seq: u64) -> Item {
    HashMap::from([("pk".to_owned(), text(log_pk(key))), ("seq".to_owned(), number(log_life(born) + seq))])
}

/// The number that the rows of a life count on from.
fn log_life(born: Timestamp) -> u64 {
    u64::try_from(born.as_millis() / 1000).unwrap_or(0) * ROWS_PER_LIFE
}

/// A row's `seq`, from the number in its key.
pub(crate) fn log_seq(number: u64) -> u64 {
    number % ROWS_PER_LIFE
}

/// The first and the last number that a row after `after` can have in the life that began at `born`. They are in order, as
/// DynamoDB demands, even after the last.
pub(crate) fn log_range(born: Timestamp, after: u64) -> (u64, u64) {
    let (life, most) = (log_life(born), ROWS_PER_LIFE - 1);
    if after < most { (life + after + 1, life + most) } else { (life, life) }
}

/// `pk` of a task's action log.
pub(crate) fn log_pk(key: &TaskKey) -> String {
    format!("{}#{}", key.tenant, key.id)
}
