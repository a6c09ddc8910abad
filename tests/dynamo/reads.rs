//! Reads that DynamoDB answers in part, or late: a batch whose keys it did not all get to, and a read that was not asked
//! to be consistent.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{
            BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
            FinalizerInterceptorContextMut,
        },
    },
    error::BoxError,
    operation::batch_get_item::BatchGetItemOutput,
    types::KeysAndAttributes,
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use errand::{
    Status, StoreError, Task,
    spi::{
        clock::ManualClock,
        store::{self, Commit, Inserted, RecordWrite, Store},
    },
};
use errand_aws::relay::{Batch, BusEvents, Deltas, Seen, Sequence, fold, relay};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Setup, at,
    counters::{app, change},
    meter::Meter,
    task, watched,
};

/// Answers a `BatchGetItem` without the half of its items, whose keys it names as left out, so many times.
#[derive(Clone, Debug, Default)]
struct LeavesOut {
    times: Arc<AtomicUsize>,
    batches: Arc<AtomicUsize>,
}

impl LeavesOut {
    fn times(&self, times: usize) {
        self.times.store(times, SeqCst);
    }

    /// How many batches were asked for since this was last asked.
    fn batches(&self) -> usize {
        self.batches.swap(0, SeqCst)
    }
}

fn halve(answer: &mut BatchGetItemOutput) {
    for (table, items) in answer.responses.iter_mut().flatten() {
        let left_out = items.split_off(items.len() / 2).into_iter().map(|mut item| {
            item.retain(|name, _| ["pk", "sk"].contains(&name.as_str()));
            item
        });
        let keys = KeysAndAttributes::builder().set_keys(Some(left_out.collect())).consistent_read(true);
        let unprocessed = answer.unprocessed_keys.get_or_insert_default();
        unprocessed.insert(table.clone(), keys.build().unwrap());
    }
    answer.unprocessed_keys.get_or_insert_default().retain(|_, left| !left.keys.is_empty());
}

impl Intercept for LeavesOut {
    fn name(&self) -> &'static str {
        "leaves out"
    }

    fn modify_before_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.output_or_error_mut().and_then(|answer| answer.as_mut().ok());
        let Some(answer) = answer.and_then(|answer| answer.downcast_mut::<BatchGetItemOutput>()) else { return Ok(()) };
        self.batches.fetch_add(1, SeqCst);
        if self.times.fetch_update(SeqCst, SeqCst, |times| times.checked_sub(1)).is_ok() {
            halve(answer);
        }
        Ok(())
    }
}

/// A DynamoDB whose eventually consistent reads of a table know nothing yet.
#[derive(Clone, Copy, Debug, Default)]
struct Late;

/// Whether a request is such a read.
#[derive(Debug)]
struct IsWeak(bool);

impl Storable for IsWeak {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Late {
    fn name(&self) -> &'static str {
        "late"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let reads = ["GetItem", "BatchGetItem", "Query"].iter().any(|read| target.ends_with(read));
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        let of_batch = body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
        let consistent = body["ConsistentRead"] == true || of_batch.clone().any(|keys| keys["ConsistentRead"] == true);
        config.interceptor_state().store_put(IsWeak(reads && !consistent && body["IndexName"].is_null()));
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<IsWeak>().is_some_and(|IsWeak(weak)| *weak) {
            let answer = context.response_mut();
            answer.headers_mut().remove("x-amz-crc32");
            *answer.body_mut() = "{}".to_owned().into();
        }
        Ok(())
    }
}

async fn inserted(setup: &Setup, count: usize, payload_bytes: usize) -> Vec<Task> {
    let tasks: Vec<Task> = (0..count).map(|_| task(payload_bytes)).collect();
    setup.store.insert(tasks.clone()).await.into_iter().for_each(|inserted| _ = inserted.unwrap());
    tasks
}

async fn a_record(setup: &Setup) -> store::RecordKey {
    let key = store::RecordKey {
        tenant: errand::Name::default(),
        kind: errand::Name::default(),
        id: errand::spi::ids::fresh().into(),
    };
    let put = RecordWrite::put(key.clone(), store::Doc::default(), store::Expect::Absent, at(0));
    store::commit(&setup.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
    key
}

#[tokio::test]
async fn what_a_batch_read_leaves_out_is_asked_for_again() {
    let fault = LeavesOut::default();
    let setup = watched(fault.clone()).await;
    for payload_bytes in [300, 10 * 1024] {
        let tasks = inserted(&setup, 10, payload_bytes).await;
        let keys: Vec<_> = tasks.iter().map(|task| task.key.clone()).collect();
        fault.batches();
        fault.times(3);
        let read: Vec<_> = setup.store.tasks(&keys).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(read, tasks.into_iter().map(Some).collect::<Vec<_>>());
        assert!(fault.batches() > 3);
    }
    let keys = [a_record(&setup).await, a_record(&setup).await];
    fault.times(2);
    assert!(setup.store.records_at(&keys).await.unwrap().iter().all(Option::is_some));
}

#[tokio::test]
async fn what_is_left_out_again_and_again_is_busy_and_not_absent() {
    let fault = LeavesOut::default();
    let setup = watched(fault.clone()).await;
    let tasks = inserted(&setup, 2, 300).await;
    let keys: Vec<_> = tasks.iter().map(|task| task.key.clone()).collect();
    fault.times(usize::MAX);
    let read = setup.store.tasks(&keys).await;
    assert!(read.iter().all(|read| matches!(read, Err(StoreError::Busy))), "{read:?}");
    assert!((2..20).contains(&fault.batches()));
    let read = setup.store.records_at(&[a_record(&setup).await]).await;
    assert!(matches!(read, Err(StoreError::Busy)), "{read:?}");
}

/// A message may be received before a read that is not consistent knows its task, which would be taken for removed.
#[tokio::test]
async fn a_task_is_there_for_the_read_that_follows_its_insert() {
    let setup = watched(Late).await;
    for payload_bytes in [300, 10 * 1024] {
        let task = inserted(&setup, 1, payload_bytes).await.remove(0);
        assert_eq!(store::task(&setup.store, &task.key).await.unwrap(), Some(task));
    }
}

#[tokio::test]
async fn tasks_are_there_for_the_read_that_follows_their_insert() {
    let setup = watched(Late).await;
    for payload_bytes in [300, 10 * 1024] {
        let tasks = inserted(&setup, 2, payload_bytes).await;
        let keys: Vec<_> = tasks.iter().map(|task| task.key.clone()).collect();
        let read: Vec<_> = setup.store.tasks(&keys).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(read, tasks.into_iter().map(Some).collect::<Vec<_>>());
    }
    let keys = [a_record(&setup).await, a_record(&setup).await];
    assert!(setup.store.records_at(&keys).await.unwrap().iter().all(Option::is_some));
}

#[tokio::test]
async fn a_record_is_there_for_the_read_that_follows_its_put_and_a_duplicate_for_the_look_that_costs_nothing() {
    let meter = Meter::default();
    let watch = meter.clone();
    let setup = super::setup_with(|config| config.interceptor(Late).interceptor(watch)).await;
    assert!(setup.store.record(&a_record(&setup).await).await.unwrap().is_some());
    let task = inserted(&setup, 1, 10 * 1024).await.remove(0);
    meter.take();
    let again = Task { version: Uuid::new_v4(), ..task.clone() };
    assert_eq!(store::insert(&setup.store, again).await.unwrap(), Inserted::Existing(Box::new(task)));
    assert_eq!(meter.take().requests, 1);
}

#[tokio::test]
async fn a_row_is_there_for_the_read_that_follows_its_commit() {
    let setup = watched(Late).await;
    let task = inserted(&setup, 1, 300).await.remove(0);
    let (commit, running) = super::claim(&task, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    store::commit(&setup.store, super::complete(&running, at(2)).0).await.unwrap();
    assert_eq!(setup.store.log(&task, 0, 10).await.unwrap().items.len(), 1);
}

/// A fold that saw a delta which another one has removed would add it twice.
#[tokio::test]
async fn a_delta_is_there_for_the_fold_that_follows_it_and_a_queue_for_the_page_that_follows_that() {
    let setup = watched(Late).await;
    let change = change(0, 0, None, Status::Pending);
    let tenant = change.key.tenant.clone();
    let records = vec![(Sequence::try_from("1".to_owned()).unwrap(), Seen::Task(Box::new(change)))];
    let batch = Batch { shard: "s".into(), records, state: None, is_last: true };
    relay(&app(), &setup.store, BusEvents::default(), batch).await.unwrap();
    assert_eq!(setup.store.waiting().await.unwrap().len(), 1);
    fold(&setup.store, &ManualClock::at(at(0)), None).await.unwrap();
    assert_eq!(setup.store.waiting().await.unwrap().len(), 0);
    let page = setup.store.queues(&tenant, None, 10, at(0)).await.unwrap();
    assert_eq!(page.items.iter().map(|queue| queue.stats.changes).collect::<Vec<_>>(), [1]);
}
