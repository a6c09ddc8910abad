//! What cannot be read hides nothing else. How an item is spoilt is the store's own: each of those that can hold such items
//! asks for this with its way.

use errand::{
    Name, Task,
    spi::store::{Bucket, Filter, ListQuery, StatsScope, Store},
};

use super::{
    fixtures::{at, complete, id, insert, name, task, tenant},
    lists::{queue, user},
    pages::all,
};

/// `spoil` makes a stored task unreadable.
pub async fn lists_leave_out_what_cannot_be_read(store: &dyn Store, spoil: impl AsyncFn(&Task)) {
    let tenant = tenant();
    let mut open = Vec::new();
    let mut ended = Vec::new();
    for n in 0..6 {
        let task = Task { created_at: at(n), ..task(&tenant) }.asking(|asked| asked.user_id = Some(id("u")));
        open.push(insert(store, task.clone()).await);
        let other = task.asking(|asked| {
            asked.user_id = None;
            asked.key = super::fixtures::task(&tenant).key.clone();
        });
        ended.push(complete(store, other, at(100 - n)).await);
    }
    for bad in [0, 2, 3, 5] {
        spoil(&open[bad]).await;
        spoil(&ended[bad]).await;
    }
    let good = |tasks: &[Task]| vec![tasks[1].clone(), tasks[4].clone()];
    let newest: Vec<Task> = good(&open).into_iter().rev().collect();
    for limit in [1, 2, 3, 9] {
        assert_eq!(all(store, &queue(&tenant, Bucket::Open), limit).await, good(&open));
        assert_eq!(all(store, &queue(&tenant, Bucket::Completed), limit).await, good(&ended));
        assert_eq!(all(store, &user(&tenant, "u"), limit).await, newest);
    }
    let none = Filter { lane: Some(name("nobody")), ..Filter::default() };
    assert_eq!(all(store, &ListQuery { filter: none, ..queue(&tenant, Bucket::Open) }, 1).await, []);
    let scope = StatsScope::Queue { tenant: tenant.clone(), project: Name::default(), queue: Name::default() };
    assert!(store.oldest_due(&scope, at(500)).await.unwrap().is_some());
    assert!(store.oldest_due(&StatsScope::All, at(500)).await.unwrap().is_some());
}
