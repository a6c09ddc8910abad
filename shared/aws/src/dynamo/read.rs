//! Reads of tasks: one with its payload in one request, many with as few as DynamoDB allows.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::dynamo::{
    DynamoStore,
    attributes::{Fields, Item, text},
    commit::corrupt,
    concurrently,
    errors::{read_failed, unavailable},
    keys, record_item,
    task_doc::going_on,
    task_item,
};
use errand::{
    StoreError, Task, TaskKey,
    spi::{
        json::Json,
        store::{Record, RecordKey, shown},
    },
};

/// What one `BatchGetItem` takes.
const BATCH: usize = 100;

/// How often a batch asks again for what DynamoDB left out.
const BATCH_TRIES: u32 = 6;

/// The wait before asking again; doubles.
const BATCH_WAIT: Duration = Duration::from_millis(20);

impl DynamoStore {
    /// One Query for the task and its payload: the item of the task comes first, so that payloads put for nothing
    /// (see [`super::payload`]) cannot hide it.
    pub(super) async fn read_task(&self, key: &TaskKey) -> Result<Option<Task>, StoreError> {
        let query = self.client.query().table_name(&self.config.tasks_table).consistent_read(true);
        let query = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::task_pk(key)))
            .scan_index_forward(false);
        let mut found: Option<(Task, String)> = None;
        let mut from = None;
        loop {
            let page = query.clone().set_exclusive_start_key(from).send().await.map_err(read_failed)?;
            for item in page.items.unwrap_or_default() {
                match &mut found {
                    None if is_task(&item) => match read_item(key, &item)? {
                        (task, None) => return Ok(Some(task)),
                        (task, Some(payload)) => found = Some((task, payload)),
                    },
                    Some((_, payload)) if is_at(&item, payload) => {
                        return found.map(|(task, _)| with_payload(task, &item)).transpose();
                    }
                    _ => {}
                }
            }
            from = page.last_evaluated_key;
            match (&from, &found) {
                (None, None) => return Ok(None),
                (None, Some((_, payload))) => return Err(lost_payload(key, payload)),
                (Some(_), _) => {}
            }
        }
    }

    /// Each of the tasks, in order. Strongly consistent.
    pub(super) async fn read_each(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>> {
        let distinct: BTreeSet<&TaskKey> = keys.iter().collect();
        // One alone comes with its payload; and DynamoDB refuses a batch that names a key twice.
        if keys.len() == 1 || distinct.len() < keys.len() {
            return concurrently(keys.iter().map(|key| self.read_task(key)).collect()).await;
        }
        match self.read_batch(keys).await {
            Ok(mut found) => keys.iter().map(|key| found.remove(key).transpose()).collect(),
            Err(problem) => {
                let mut problem = Some(problem); // said once; the others come again just so
                keys.iter().map(|_| Err(problem.take().unwrap_or(StoreError::Busy))).collect()
            }
        }
    }

    /// Those of the tasks that are there and can be [`shown`], in no order. Strongly consistent.
    pub(super) async fn read_tasks(&self, keys: &[TaskKey]) -> Result<Vec<Task>, StoreError> {
        self.read_batch(keys).await?.into_values().filter_map(|read| shown(read).transpose()).collect()
    }

    /// Those of the tasks that are there, readable or not: with one request for each hundred, and another for payloads
    /// that are apart.
    async fn read_batch(&self, keys: &[TaskKey]) -> Result<HashMap<TaskKey, Result<Task, StoreError>>, StoreError> {
        let (mut found, mut apart) = (HashMap::new(), HashMap::new());
        for item in self.batch_get(keys.iter().map(keys::task).collect()).await? {
            let Some(key) = Fields(&item).text("pk").ok().and_then(keys::parse_task) else { continue };
            match read_item(&key, &item) {
                Ok((task, Some(payload))) => _ = apart.insert((keys::task_pk(&key), payload), task),
                read => _ = found.insert(key, read.map(|(task, _)| task)),
            }
        }
        let payloads = apart.values().map(|task| keys::payload(&task.key, &task.payload_hash)).collect();
        for item in self.batch_get(payloads).await? {
            let place = (Fields(&item).text("pk"), Fields(&item).text("sk"));
            let (Ok(pk), Ok(sk)) = place else { continue };
            if let Some(task) = apart.remove(&(pk.to_owned(), sk.to_owned())) {
                found.insert(task.key.clone(), with_payload(task, &item));
            }
        }
        // Removed since its task was read, with that, or lost.
        for task in apart.into_values() {
            let read = self.read_task(&task.key).await.transpose();
            found.extend(read.map(|read| (task.key.clone(), read)));
        }
        Ok(found)
    }

    /// The records at these keys, in order. Strongly consistent.
    pub(super) async fn read_records(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        // DynamoDB refuses a batch that names a key twice.
        let distinct: BTreeSet<&RecordKey> = keys.iter().collect();
        let found = self.batch_get(distinct.into_iter().map(keys::record).collect()).await?;
        let mut records = HashMap::new();
        for item in found {
            let record = record_item::read(&item);
            let record = record.map_err(|source| corrupt(format!("record {:?}", item.get("pk")), source))?;
            records.insert(record.key.clone(), record);
        }
        Ok(keys.iter().map(|key| records.get(key).cloned()).collect())
    }

    /// The items with these keys, in no order; those that are not there are left out.
    pub(super) async fn batch_get(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        self.batches(&self.config.tasks_table, keys, true).await
    }

    /// The rows of the log with these keys, likewise; one that was put a moment ago may be left out, too.
    pub(super) async fn batch_get_rows(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        self.batches(&self.config.log_table, keys, false).await
    }

    async fn batches(&self, table: &str, keys: Vec<Item>, consistent: bool) -> Result<Vec<Item>, StoreError> {
        let batches = keys.chunks(BATCH).map(|batch| self.one_batch(table, batch.to_vec(), consistent)).collect();
        let found: Result<Vec<_>, _> = concurrently(batches).await.into_iter().collect();
        Ok(found?.into_iter().flatten().collect())
    }

    async fn one_batch(&self, table: &str, keys: Vec<Item>, consistent: bool) -> Result<Vec<Item>, StoreError> {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistent).build();
        let mut wanted = Some(HashMap::from([(table.to_owned(), wanted.map_err(unavailable)?)]));
        let mut found = Vec::new();
        for attempt in 0..BATCH_TRIES {
            let batch = self.client.batch_get_item().set_request_items(wanted.take());
            let answer = batch.send().await.map_err(read_failed)?;
            found.extend(answer.responses.unwrap_or_default().remove(table).unwrap_or_default());
            wanted = answer.unprocessed_keys.filter(|left| !left.is_empty());
            if wanted.is_none() {
                return Ok(found);
            }
            tokio::time::sleep(BATCH_WAIT.saturating_mul(1 << attempt)).await;
        }
        Err(StoreError::Busy)
    }
}

/// A task and, if its payload is apart, the `sk` of that.
fn read_item(key: &TaskKey, item: &Item) -> Result<(Task, Option<String>), StoreError> {
    let (task, apart) = task_item::read(item).map_err(|source| corrupt(keys::task_pk(key), source))?;
    if !apart {
        return Ok((going_on(task), None));
    }
    let payload = keys::payload_sk(&task.payload_hash);
    Ok((task, Some(payload)))
}

fn with_payload(task: Task, item: &Item) -> Result<Task, StoreError> {
    let payload = Fields(item).text("b").and_then(|text| Ok(Json::from_stored(text.to_owned())?));
    let payload = payload.map_err(|source| corrupt(keys::task_pk(&task.key), source))?;
    Ok(going_on(task.asking(|asked| asked.payload = payload)))
}

fn is_task(item: &Item) -> bool {
    is_at(item, keys::TASK)
}

fn is_at(item: &Item, sk: &str) -> bool {
    Fields(item).text("sk").is_ok_and(|at| at == sk)
}

fn lost_payload(key: &TaskKey, payload: &str) -> StoreError {
    corrupt(keys::task_pk(key), anyhow::anyhow!("its {payload} is not there"))
}
