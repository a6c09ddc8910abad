//! The row of the log that rides in its task's item: whatever happens between the commit and its copy, it is read once, comes
//! into the log once, and no other row gives way to it.

use aws_sdk_dynamodb::types::AttributeValue;
use errand::{
    FailureKind, Task,
    spi::{
        lifecycle::{KeptFailure, Settlement, Trigger, log::LogEntry},
        store::{self, Commit, Expect, RecordWrite, Store},
    },
};
use errand_aws::relay::BusEvents;
use integration_tests::relay::{batch, stream_record};

use super::{
    Item, Setup, at, change, claim, complete,
    faults::{Fault, Faults, refusal},
    own_writes::record,
    settle, setup, task, watched,
};

fn redrive(task: &Task, s: u64) -> (Commit, Task) {
    change(task, Trigger::Redrive { note: None, by: "me".into(), failed_at: None, run_at: None }, at(s))
}

/// What it is when whoever has committed dies before the copy.
fn died() -> Fault {
    Fault::Refuse(refusal("AccessDeniedException", serde_json::json!(null)))
}

async fn run(setup: &Setup, (commit, after): (Commit, Task)) -> Task {
    store::commit(&setup.store, commit).await.unwrap();
    after
}

/// A task that is claimed, and fails for good: its row rides in its item, and is nowhere else.
async fn uncopied(faults: &Faults, setup: &Setup) -> (Task, LogEntry) {
    let new = task(300);
    store::insert(&setup.store, new.clone()).await.unwrap();
    let claimed = run(setup, claim(&new, at(1))).await;
    let failure = KeptFailure::new(FailureKind::Handler, "no", at(2), 1);
    let (commit, failed) = settle(&claimed, Settlement::Fail { failure }, at(2));
    let row = row_of(&commit);
    faults.then([Fault::None, died()]);
    store::commit(&setup.store, commit).await.unwrap();
    assert_eq!(setup.log_items(&new.key).await, Vec::<Item>::new());
    (failed, row)
}

fn row_of(commit: &Commit) -> LogEntry {
    let Some(store::TaskWrite::Change { transition, .. }) = &commit.task else { panic!("{commit:?}") };
    transition.log.clone().unwrap()
}

async fn rows(setup: &Setup, task: &Task) -> Vec<LogEntry> {
    setup.store.log(task, 0, 100).await.unwrap().items
}

/// As [`rows`], from the table of the log alone.
async fn copies(setup: &Setup, task: &Task) -> Vec<LogEntry> {
    let item = setup.item(&task.key).await;
    let mut without = item.clone();
    without.remove("r");
    setup.put(without).await;
    let copies = rows(setup, task).await;
    setup.put(item).await;
    copies
}

/// Has the relay see the task's item change, or go.
async fn relayed(setup: &Setup, old: Option<&Item>, new: Option<&Item>) {
    let event = batch("s", None, &[stream_record("1", old, new)], true);
    relay::handle(&super::counters::app(), &setup.store, BusEvents::default(), event).await.unwrap();
}

#[tokio::test]
async fn a_row_that_is_not_copied_is_read_once_on_every_page() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let (task, row) = uncopied(&faults, &setup).await;
    assert_eq!(rows(&setup, &task).await, std::slice::from_ref(&row));
    assert_eq!(setup.store.log(&task, 1, 10).await.unwrap().items, []);
    let redriven = run(&setup, redrive(&task, 3)).await;
    let cancel = change(&redriven, Trigger::Cancel { reason: "no".into(), by: "me".into() }, at(4));
    faults.then([Fault::None, died()]);
    let last = row_of(&cancel.0);
    let task = run(&setup, cancel).await;
    assert_eq!(copies(&setup, &task).await.len(), 2);
    for limit in [1, 2, 3, 100] {
        let (mut found, mut after) = (Vec::new(), Some(0));
        while let Some(seq) = after {
            let page = setup.store.log(&task, seq, limit).await.unwrap();
            assert!(page.items.len() <= limit, "{page:?}");
            found.extend(page.items);
            after = page.next;
        }
        assert_eq!(found.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3], "by {limit}");
        assert_eq!(found.last(), Some(&last));
    }
}

#[tokio::test]
async fn whoever_changes_the_task_next_copies_its_row_first() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    for with_an_effect in [false, true] {
        let (task, row) = uncopied(&faults, &setup).await;
        let (commit, redriven) = redrive(&task, 3);
        let put = RecordWrite::Put { record: Box::new(record()), expect: Expect::Any };
        let commit = Commit { records: if with_an_effect { vec![put] } else { vec![] }, ..commit };
        let next = row_of(&commit);
        // Where that cannot be, the row stays where it is: the change finds it, cannot copy it, and is not made.
        faults.then([Fault::None, died()]);
        store::commit(&setup.store, commit.clone()).await.unwrap_err();
        assert_eq!(rows(&setup, &task).await, std::slice::from_ref(&row));

        store::commit(&setup.store, commit).await.unwrap();
        assert_eq!(store::task(&setup.store, &task.key).await.unwrap(), Some(redriven.clone()));
        assert_eq!(rows(&setup, &redriven).await, [row.clone(), next]);
        // One that leaves none takes the row away: by then it is in the log.
        let claimed = run(&setup, claim(&redriven, at(4))).await;
        assert!(!setup.item(&task.key).await.contains_key("r"));
        assert_eq!(rows(&setup, &claimed).await.len(), 2);
    }
}

#[tokio::test]
async fn the_relay_copies_what_whoever_committed_has_not_and_nothing_twice() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let (task, row) = uncopied(&faults, &setup).await;
    let item = setup.item(&task.key).await;
    faults.writes();
    relayed(&setup, None, Some(&item)).await;
    assert_eq!(copies(&setup, &task).await, std::slice::from_ref(&row));
    let first = faults.writes();
    relayed(&setup, None, Some(&item)).await;
    assert_eq!((first, faults.writes()), (2, 0), "one row, and what is counted");
    assert_eq!(rows(&setup, &task).await, [row]);
}

#[tokio::test]
async fn a_row_outlives_a_task_that_was_removed_before_it_was_copied() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let (task, row) = uncopied(&faults, &setup).await;
    let item = setup.item(&task.key).await;
    setup.delete(std::slice::from_ref(&item)).await;
    relayed(&setup, Some(&item), None).await;
    assert_eq!(rows(&setup, &task).await, [row]);
}

#[tokio::test]
async fn a_row_that_many_copy_at_the_same_time_is_there_once() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let (task, row) = uncopied(&faults, &setup).await;
    let item = setup.item(&task.key).await;
    let copy = || setup.store.copy_rows(std::slice::from_ref(&item));
    let (a, b, c) = tokio::join!(copy(), copy(), store::commit(&setup.store, redrive(&task, 3).0));
    a.and(b).and(c).unwrap();
    let found = rows(&setup, &task).await;
    assert_eq!((found.len(), &found[0]), (2, &row));
}

#[tokio::test]
async fn a_copy_whose_answer_is_lost_knows_itself_again() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let new = task(300);
    store::insert(&setup.store, new.clone()).await.unwrap();
    let claimed = run(&setup, claim(&new, at(1))).await;
    faults.then([Fault::LoseAnswer, Fault::None, Fault::LoseAnswer]); // the task's put, and its row's
    faults.writes();
    let ended = run(&setup, complete(&claimed, at(2))).await;
    assert_eq!(faults.writes(), 4);
    assert_eq!(
        (copies(&setup, &ended).await.len(), store::task(&setup.store, &new.key).await.unwrap()),
        (1, Some(ended))
    );
}

/// A task brought back from before its executions, whose log has them: another row stands at the place of the next.
async fn restored(setup: &Setup) -> (Task, Vec<LogEntry>) {
    let new = task(300);
    store::insert(&setup.store, new.clone()).await.unwrap();
    let at_the_instant = setup.item(&new.key).await;
    let mut task = new.clone();
    for s in [1, 3] {
        let claimed = run(setup, claim(&task, at(s))).await;
        task = run(setup, settle(&claimed, Settlement::Snooze { run_at: at(s + 2), hinted: true }, at(s + 1))).await;
    }
    setup.put(at_the_instant).await;
    (new.clone(), rows(setup, &new).await)
}

#[tokio::test]
async fn a_row_whose_place_is_taken_goes_behind_the_last_and_the_task_says_so() {
    let setup = setup().await;
    let (task, before) = restored(&setup).await;
    let claimed = run(&setup, claim(&task, at(100))).await;
    let end = complete(&claimed, at(101));
    let row = row_of(&end.0);
    run(&setup, end).await;
    let now = store::task(&setup.store, &task.key).await.unwrap().unwrap();
    assert_eq!(now.log_seq, 3);
    let expected: Vec<LogEntry> = before.into_iter().chain([LogEntry { seq: 3, ..row }]).collect();
    assert_eq!(rows(&setup, &now).await, expected);
}

#[tokio::test]
async fn whoever_finds_a_row_that_the_relay_put_behind_the_last_goes_on_behind_it() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let (task, before) = restored(&setup).await;
    let claimed = run(&setup, claim(&task, at(100))).await;
    let failure = KeptFailure::new(FailureKind::Handler, "no", at(101), 1);
    faults.then([Fault::None, died()]);
    let failed = run(&setup, settle(&claimed, Settlement::Fail { failure }, at(101))).await;
    // Read at the place that its copy will have, also by whoever has read all that is copied.
    assert_eq!(rows(&setup, &failed).await.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(setup.store.log(&failed, 2, 10).await.unwrap().items.len(), 1);
    assert_eq!(setup.store.log(&failed, 3, 10).await.unwrap().items, []);

    relayed(&setup, None, Some(&setup.item(&task.key).await)).await;
    let copied = rows(&setup, &failed).await;
    assert_eq!((&copied[..2], copied.len()), (&before[..], 3));
    // It goes by what the task said; the store says that there is more, and the next try stands behind it.
    let late = store::commit(&setup.store, redrive(&failed, 102).0).await.unwrap_err();
    assert!(matches!(&late, errand::StoreError::Conflict { parts } if *parts == [store::Part::Task]), "{late:?}");
    let now = store::task(&setup.store, &task.key).await.unwrap().unwrap();
    assert_eq!(now.log_seq, 3);
    let redriven = run(&setup, redrive(&now, 102)).await;
    assert_eq!(rows(&setup, &redriven).await.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn items_and_rows_of_before_rows_rode_are_read_and_go_on() {
    let setup = setup().await;
    let new = task(300);
    store::insert(&setup.store, new.clone()).await.unwrap();
    let claimed = run(&setup, claim(&new, at(1))).await;
    let failure = KeptFailure::new(FailureKind::Handler, "no", at(2), 1);
    let failed = run(&setup, settle(&claimed, Settlement::Fail { failure }, at(2))).await;
    // As one transaction wrote them: the task without its row, and a row that says nothing of a version.
    let mut item = setup.item(&new.key).await;
    assert!(matches!(item.remove("r"), Some(AttributeValue::M(_))));
    setup.put(item).await;
    let mut row = setup.log_items(&new.key).await.remove(0);
    assert!(row.remove("v").is_some());
    setup.put_row(row.clone()).await;

    assert_eq!(rows(&setup, &failed).await.len(), 1);
    let redriven = run(&setup, redrive(&failed, 3)).await;
    let claimed = run(&setup, claim(&redriven, at(4))).await;
    let done = run(&setup, complete(&claimed, at(5))).await;
    assert_eq!(rows(&setup, &done).await.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(setup.log_items(&new.key).await.contains(&row), "and it is as it was");
}
