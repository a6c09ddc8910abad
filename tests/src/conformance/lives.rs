//! A key that is used again once its task was removed. How an item is removed is the store's own: each asks for this with
//! its way.

use std::time::Duration;

use errand::{
    Asked, Task,
    spi::{lifecycle::Trigger, store::Store},
};
use uuid::Uuid;

use super::fixtures::{at, change, changed, claimed, complete, completed, insert, log, new, task, tenant};

/// Longer than any task is kept.
const LATER: Duration = Duration::from_secs(40 * 24 * 3600);

/// `remove` removes a task that has ended, as retention does.
pub async fn a_log_is_of_one_life(store: &dyn Store, remove: impl AsyncFn(&Task)) {
    let mut first = insert(store, task(&tenant())).await;
    for s in 1..=3 {
        let later = Trigger::Reschedule { run_at: at(s), by: "me".to_owned(), if_due: false };
        first = change(store, &first, changed(&first, later, at(s))).await;
    }
    let running = change(store, &first, claimed(&first, at(4))).await;
    let first = change(store, &running, completed(&running, at(5))).await;
    assert_eq!(log(store, &first).await.len(), 4);
    remove(&first).await;

    let again = Asked { key: first.key.clone(), ..new(&first.key.tenant) };
    let second = insert(store, Task::accept(again, Uuid::new_v4(), first.created_at + LATER)).await;
    for after in [0, 1, 3, 9] {
        let page = store.log(&second, after, 2).await.unwrap();
        assert_eq!((page.items, page.next), (vec![], None), "after {after}, before it has a row");
    }

    let running = change(store, &second, claimed(&second, second.created_at)).await;
    let transition = completed(&running, second.created_at);
    let row = transition.log.clone().unwrap();
    let second = change(store, &running, transition).await;
    for (after, rows) in [(0, vec![row]), (1, vec![]), (3, vec![])] {
        let page = store.log(&second, after, 1).await.unwrap();
        assert_eq!((page.items, page.next), (rows, None), "after {after}");
    }
    // Where the first life's rows are kept, they are all that it has.
    assert!(log(store, &first).await.iter().all(|row| row.ended_at < second.created_at));

    // Others are none the wiser.
    let other = complete(store, task(&first.key.tenant), at(5)).await;
    assert_eq!(log(store, &other).await.len(), 1);
}
