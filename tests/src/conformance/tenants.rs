//! No read or write crosses a tenant: the store itself answers "none".

use errand::{
    Expect, Name, Relation, Task, TaskKey,
    spi::{
        lifecycle::Transition,
        store::{
            self, Bucket, Commit, Due, DueItem, Part, Record, RecordKey, Related, RelationKind, Stats, StatsScope,
            Store, TaskWrite,
        },
    },
};
use serde_json::json;

use super::{
    Case,
    changes::conflict,
    fixtures::{
        at, change, claimed, complete, completed, id, insert, log, name, put, read, record, stored, task, tenant,
    },
    lists::{queue, user},
    pages::all,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a_task_is_not_read_by_another_tenant", check: |s| Box::pin(tasks(s)) },
    Case { name: "an_id_that_another_tenant_uses_is_free_here", check: |s| Box::pin(ids(s)) },
    Case { name: "a_log_is_not_read_by_another_tenant", check: |s| Box::pin(logs(s)) },
    Case { name: "a_task_is_not_changed_by_another_tenant", check: |s| Box::pin(changes(s)) },
    Case { name: "lists_end_at_the_tenant", check: |s| Box::pin(lists(s)) },
    Case { name: "records_end_at_the_tenant", check: |s| Box::pin(records(s)) },
    Case { name: "what_is_due_is_not_set_aside_by_another_tenant", check: |s| Box::pin(set_aside(s)) },
    Case { name: "counts_end_at_the_tenant", check: |s| Box::pin(counts(s)) },
];

fn seen_by(tenant: &Name, key: &TaskKey) -> TaskKey {
    TaskKey { tenant: tenant.clone(), id: key.id }
}

async fn tasks(store: &dyn Store) {
    let task = insert(store, task(&tenant())).await;
    let other = seen_by(&tenant(), &task.key);
    assert_eq!(store::task(store, &other).await.unwrap(), None);
    let both: Vec<Option<Task>> =
        store.tasks(&[other, task.key.clone()]).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(both, [None, Some(task)]);
}

async fn ids(store: &dyn Store) {
    let mine = complete(store, task(&tenant()), at(2)).await;
    let theirs = insert(store, task(&tenant()).asking(|asked| asked.key = seen_by(&tenant(), &mine.key))).await;
    assert_eq!(read(store, &mine.key).await, mine);
    assert_eq!(read(store, &theirs.key).await, theirs);
    let theirs = change(store, &theirs, claimed(&theirs, at(3))).await;
    change(store, &theirs, completed(&theirs, at(4))).await;
    for task in [&mine, &theirs] {
        let rows = log(store, task).await;
        assert!(rows.len() == 1 && rows[0].key == task.key, "{rows:?}");
    }
}

async fn logs(store: &dyn Store) {
    let task = complete(store, task(&tenant()), at(2)).await;
    assert_eq!(log(store, &task).await.len(), 1);
    assert_eq!(log(store, &task.clone().asking(|asked| asked.key = seen_by(&tenant(), &task.key))).await, []);
}

async fn changes(store: &dyn Store) {
    let pending = insert(store, task(&tenant())).await;
    let other = tenant();
    let Transition { task, log } = claimed(&pending, at(1));
    let transition = Transition { task: task.asking(|asked| asked.key.tenant = other.clone()), log };
    let answer = store::commit(store, Commit::change(pending.version, transition)).await;
    assert_eq!(conflict(answer), [Part::Task]);
    assert_eq!(read(store, &pending.key).await, pending);

    let running = change(store, &pending, claimed(&pending, at(1))).await;
    let note = record(&other, &json!({}));
    let (key, fence) = (seen_by(&other, &running.key), running.fence().unwrap());
    let step = Commit {
        task: Some(TaskWrite::Step { key, fence }),
        records: vec![put(&note, Expect::Absent)],
        ..Commit::default()
    };
    assert_eq!(conflict(store::commit(store, step).await), [Part::Task]);
    assert_eq!(store.record(&note.key).await.unwrap(), None);
}

async fn lists(store: &dyn Store) {
    let (mine, other) = (tenant(), tenant());
    let about_user = |tenant| task(tenant).asking(|asked| asked.user_id = Some(id("u")));
    let open = insert(store, about_user(&mine)).await;
    complete(store, about_user(&mine), at(2)).await;
    for bucket in Bucket::ALL {
        assert_eq!(all(store, &queue(&other, bucket), 9).await, []);
    }
    assert_eq!(all(store, &user(&other, "u"), 9).await, []);
    assert_eq!(all(store, &queue(&mine, Bucket::Open), 9).await, [open]);
    assert_eq!(all(store, &user(&mine, "u"), 9).await.len(), 2);
}

async fn records(store: &dyn Store) {
    let (mine, other) = (tenant(), tenant());
    let relation = |of| Some(Relation { of: id(of), sort: "1".to_owned() });
    let note = Record { parent: relation("p"), owner: relation("o"), ..record(&mine, &json!({"a": 1})) };
    let note = stored(store, note).await;
    let theirs = RecordKey { tenant: other.clone(), ..note.key.clone() };
    assert_eq!(store.record(&theirs).await.unwrap(), None);
    for (by, of) in [(RelationKind::Parent, id("p")), (RelationKind::Owner, id("o"))] {
        let list = |tenant: &Name| Related {
            tenant: tenant.clone(),
            kind: name("note"),
            by,
            of: of.clone(),
            newest_first: false,
        };
        assert_eq!(store.records(&list(&other), None, 9).await.unwrap().items, []);
        assert_eq!(store.records(&list(&mine), None, 9).await.unwrap().items, std::slice::from_ref(&note));
    }
    // The same kind and id is another record there.
    let namesake = stored(store, Record { key: theirs.clone(), ..record(&other, &json!({"b": 2})) }).await;
    assert_eq!(store.record(&theirs).await.unwrap(), Some(namesake));
    assert_eq!(store.record(&note.key).await.unwrap(), Some(note));
}

async fn set_aside(store: &dyn Store) {
    let early = errand::Timestamp::from_millis;
    let task = insert(store, Task { wake_at: Some(early(70_000)), ..task(&tenant()) }).await;
    let other = DueItem::Task(seen_by(&tenant(), &task.key));
    store.set_aside(&Due { item: other, wake_at: early(70_000) }, early(75_000)).await.unwrap();
    let mut found = Vec::new();
    for shard in 0..store.shards() {
        found.extend(store.due(shard, early(79_000), 1000).await.unwrap());
    }
    let mine = Due { item: DueItem::Task(task.key.clone()), wake_at: early(70_000) };
    assert!(found.contains(&mine), "{found:?}");
}

async fn counts(store: &dyn Store) {
    let mine = tenant();
    let running = insert(store, task(&mine)).await;
    let running = change(store, &running, claimed(&running, at(1))).await;
    change(store, &running, completed(&running, at(2))).await;
    let scope = |tenant| StatsScope::Queue { tenant, project: Name::default(), queue: Name::default() };
    let theirs = tenant();
    assert_eq!(store.stats(&scope(theirs.clone()), at(3)).await.unwrap(), Stats::at(at(3)));
    assert_eq!(store.queues(&theirs, None, 9, at(3)).await.unwrap().items, []);
    assert_eq!(store.oldest_due(&scope(theirs), at(3)).await.unwrap(), None);
}
