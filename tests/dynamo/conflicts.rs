//! What the store makes of a transaction that DynamoDB cancels, and of writes it throttles.

use std::{sync::Arc, time::Duration};

use errand::{
    Status, StoreError,
    spi::store::{self, Part},
};
use integration_tests::{
    in_memory::request,
    world::{World, id_of},
};
use serde_json::json;
use tokio::time::timeout;

use super::{
    Setup, at, claim, complete,
    faults::{Fault, Faults, cancelled, refusal},
    task, watched,
};

/// A store with a claimed task, and the commit (task and an effect) that completes it.
async fn about_to_complete(faults: &Faults) -> (Setup, store::Commit) {
    let (setup, commit) = about_to_end(faults).await;
    let put = store::RecordWrite::Put { record: Box::new(super::own_writes::record()), expect: store::Expect::Absent };
    (setup, store::Commit { records: vec![put], ..commit })
}

/// The same without an effect: no transaction.
async fn about_to_end(faults: &Faults) -> (Setup, store::Commit) {
    let setup = watched(faults.clone()).await;
    let task = task(300);
    store::insert(&setup.store, task.clone()).await.unwrap();
    let (commit, claimed) = claim(&task, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    faults.writes();
    (setup, complete(&claimed, at(2)).0)
}

#[tokio::test]
async fn a_transaction_that_met_another_is_made_again() {
    let faults = Faults::default();
    let (setup, commit) = about_to_complete(&faults).await;
    let codes = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    faults.then(codes.map(|code| Fault::Refuse(cancelled(&["None", code]))));
    store::commit(&setup.store, commit).await.unwrap();
    assert_eq!(faults.writes(), 5, "and its row's copy");
}

#[tokio::test]
async fn an_end_without_effects_that_met_a_transaction_is_made_again() {
    let faults = Faults::default();
    let (setup, commit) = about_to_end(&faults).await;
    faults.then([Fault::Refuse(refusal("TransactionConflictException", serde_json::json!(null)))]);
    store::commit(&setup.store, commit).await.unwrap();
    assert_eq!(faults.writes(), 3);
}

#[tokio::test]
async fn a_put_that_met_a_transaction_is_made_again() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    faults.then([Fault::Refuse(refusal("TransactionConflictException", serde_json::json!(null)))]);
    store::insert(&setup.store, task(300)).await.unwrap();
    assert_eq!(faults.writes(), 2);
}

#[tokio::test]
async fn a_transaction_that_keeps_meeting_others_is_busy() {
    let faults = Faults::default();
    let (setup, commit) = about_to_complete(&faults).await;
    faults.then((0..100).map(|_| Fault::Refuse(cancelled(&["TransactionConflict", "None"]))));
    let error = store::commit(&setup.store, commit).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy), "{error:?}");
    assert!((2..20).contains(&faults.writes()));
}

#[tokio::test]
async fn a_failed_condition_decides_whatever_else_is_in_the_way() {
    let faults = Faults::default();
    let (setup, commit) = about_to_complete(&faults).await;
    faults.then([Fault::Refuse(cancelled(&["ConditionalCheckFailed", "TransactionConflict"]))]);
    let error = store::commit(&setup.store, commit).await.unwrap_err();
    assert!(matches!(&error, StoreError::Conflict { parts } if *parts == [Part::Task]), "{error:?}");
    assert_eq!(faults.writes(), 1);
}

#[tokio::test]
async fn what_dynamodb_does_not_take_is_said_to_be_what_it_is_and_not_made_again() {
    let faults = Faults::default();
    let (setup, commit) = about_to_complete(&faults).await;
    let size = "Item size to update has exceeded the maximum allowed size";
    let form = "One or more parameter values were invalid: Number overflow";
    for (message, too_large) in [(size, true), (form, false)] {
        let refusals = [
            cancelled(&["ValidationError", "None"]).replace("as told", message),
            refusal("ValidationException", serde_json::json!(null)).replace("as told", message),
        ];
        for refused in refusals {
            faults.then([Fault::Refuse(refused)]);
            let error = store::commit(&setup.store, commit.clone()).await.unwrap_err();
            assert_eq!(matches!(error, StoreError::TooLarge(_)), too_large, "{error:?}");
            assert_eq!(faults.writes(), 1);
        }
    }
}

#[tokio::test]
async fn a_task_whose_end_dynamodb_does_not_take_fails_for_good() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let world = World::on(Arc::new(setup.store.clone()));
    let body = json!({"task_type": "scripted", "payload": {}});
    let (_, answer) = request(&world.app, "POST /v1/tasks", None, &body, None).await;
    let refused = refusal("ValidationException", serde_json::json!(null));
    let claimed_then_refused = [Fault::None, Fault::Refuse(refused)];
    faults.then(claimed_then_refused);
    // Asked again and again, it would never be done.
    let delivered = timeout(Duration::from_secs(60), super::restore::deliver_all(&world)).await;
    assert!(delivered.is_ok(), "its execution does not end");
    let task = world.task(id_of(&answer)).await;
    assert_eq!((task.status(), task.executions), (Status::Failed, 1), "{task:#?}");
    let message = &task.last_errors[0].message;
    assert!(message.contains("cannot be stored") && !message.contains("too large"), "{message}");
}

#[tokio::test]
async fn more_than_dynamodb_takes_is_refused_before_it_is_sent() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let large = |bytes: usize| errand::spi::json::Json::new(&"x".repeat(bytes).into());
    let new_task = |bytes| task(300).asking(|asked| asked.payload = large(bytes));
    let error = store::insert(&setup.store, new_task(410 * 1024)).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge(_)), "{error:?}");
    let records = (0..20).map(|n| {
        let key = store::RecordKey {
            tenant: errand::Name::default(),
            kind: errand::Name::default(),
            id: errand::Id::new(&n.to_string()).unwrap(),
        };
        let doc = store::Doc::from_iter([("text".to_owned(), "x".repeat(250 * 1024).into())]);
        let (version, created_at, updated_at) = (uuid::Uuid::new_v4(), at(0), at(0));
        let record = store::Record {
            key,
            version,
            doc,
            parent: None,
            owner: None,
            wake_at: None,
            expires_at: None,
            created_at,
            updated_at,
        };
        store::RecordWrite::Put { record: Box::new(record), expect: store::Expect::Any }
    });
    let commit = store::Commit { records: records.collect(), ..store::Commit::default() };
    let error = store::commit(&setup.store, commit).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge(_)), "{error:?}");
    assert_eq!(faults.writes(), 0);
}

#[tokio::test]
async fn an_unknown_reason_is_no_conflict() {
    let faults = Faults::default();
    let (setup, commit) = about_to_complete(&faults).await;
    faults.then([Fault::Refuse(cancelled(&["AccessDenied", "None"]))]);
    let error = store::commit(&setup.store, commit).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}
