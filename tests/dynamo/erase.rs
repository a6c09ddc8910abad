//! What is left of an erased task in the tables, whatever the change stream brings afterwards.

use errand::{
    FailureKind, Id, Task,
    spi::{
        json::Json,
        lifecycle::{KeptFailure, Settlement},
        store::{self, Commit, Expect, Record, RecordWrite, Relation, Store, TaskWrite},
    },
};
use serde_json::json;

use super::{
    Item, Setup, at, claim, complete,
    faults::{Fault, Faults, refusal},
    fence,
    meter::{Meter, Used},
    own_writes, settle, setup, task, watched,
};

const MARKER: &str = "Zauberwort-7";

/// A task that has failed, with the marker in its payload and its errors; and its item as it was then, with the row that
/// rides in it. `last` goes before the commit of its end.
async fn failed(setup: &Setup, bytes: usize, last: impl FnOnce()) -> (Task, Item) {
    let payload = Json::new(&json!({"text": format!("{MARKER} {}", "x".repeat(bytes))}));
    let task = task(300).asking(|asked| *asked = asked.clone().with_payload(payload));
    store::insert(&setup.store, task.clone()).await.unwrap();
    let (commit, claimed) = claim(&task, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    let failure = KeptFailure::new(FailureKind::Handler, MARKER, at(2), 1);
    let (commit, failed) = settle(&claimed, Settlement::Fail { failure }, at(2));
    last();
    store::commit(&setup.store, commit).await.unwrap();
    let item = setup.item(&failed.key).await;
    (failed, item)
}

fn says(items: &[Item]) -> bool {
    let text = format!("{items:?}");
    text.contains(MARKER) || text.contains("user_id")
}

#[tokio::test]
async fn the_tables_hold_nothing_of_an_erased_task_but_blank_rows() {
    let setup = setup().await;
    for bytes in [10, 10_000] {
        let (task, before) = failed(&setup, bytes, || ()).await;
        assert!(says(&setup.items(&task.key).await) && says(&setup.log_items(&task.key).await));
        setup.store.erase(&task).await.unwrap();
        assert!(setup.items(&task.key).await.is_empty());
        let rows = setup.log_items(&task.key).await;
        assert_eq!((rows.len(), says(&rows)), (1, false), "{rows:?}");
        // The change stream may bring the row that rode, and the task's removal, long afterwards.
        setup.store.copy_rows(&[before]).await.unwrap();
        assert_eq!(setup.log_items(&task.key).await, rows);
        // Erased again by whoever has not heard that it is done.
        setup.store.erase(&task).await.unwrap();
        assert_eq!(setup.log_items(&task.key).await, rows);
    }
}

#[tokio::test]
async fn a_row_that_only_rode_with_its_task_is_blank_when_the_change_stream_brings_it() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let died = Fault::Refuse(refusal("AccessDeniedException", json!(null)));
    let (task, before) = failed(&setup, 10, || faults.then([Fault::None, died])).await;
    assert!(
        before.contains_key("r") && setup.log_items(&task.key).await.is_empty(),
        "whoever committed has not copied it"
    );
    setup.store.erase(&task).await.unwrap();
    setup.store.copy_rows(&[before]).await.unwrap();
    let rows = setup.log_items(&task.key).await;
    assert_eq!((rows.len(), says(&rows)), (1, false), "{rows:?}");
}

/// What is used by a step that a handler keeps, and by the removal of its task, whose payload lies in its item.
pub(super) async fn costs() -> [(&'static str, Used); 2] {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let task = task(300);
    store::insert(&setup.store, task.clone()).await.unwrap();
    let (commit, claimed) = claim(&task, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    meter.take();
    let parent = Some(Relation { of: Id::from(task.key.id), sort: String::new() });
    let kept = Record { parent, expires_at: Some(at(9)), ..own_writes::record() };
    let commit = Commit {
        task: Some(TaskWrite::Step { key: task.key.clone(), fence: fence(&claimed) }),
        records: vec![RecordWrite::Put { record: Box::new(kept), expect: Expect::Absent }],
        ..Commit::default()
    };
    store::commit(&setup.store, commit).await.unwrap();
    let step = meter.take();
    let (commit, ended) = complete(&claimed, at(2));
    store::commit(&setup.store, commit).await.unwrap();
    meter.take();
    setup.store.erase(&ended).await.unwrap();
    [("a step that its handler keeps", step), ("its removal with all that is a user's", meter.take())]
}
