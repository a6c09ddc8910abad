//! What only the DynamoDB store promises: its costs, its items, and what it makes of DynamoDB's answers.

mod conflicts;
mod cost;
mod counters;
mod documents;
mod erase;
mod event_cost;
mod faults;
mod group_cost;
mod items;
mod lists;
mod meter;
mod own_writes;
mod patches;
mod payloads;
mod pushed_cost;
mod reads;
pub(crate) mod relayed;
mod restore;
mod rows;
mod schedule_cost;
mod units;

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{Builder, Intercept, retry::RetryConfig},
    types::AttributeValue,
};
use errand::{
    Asked, Id, Name, Task, TaskKey, Timestamp,
    spi::{
        ids::fresh,
        json::Json,
        lifecycle::{Fence, Report, Settlement, Trigger, apply},
        store::Commit,
    },
};
use errand_aws::{
    Shards,
    dynamo::{Config, DynamoStore},
};
use integration_tests::ministack::{self, Tables};
use serde_json::json;
use uuid::Uuid;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// A store on empty tables of its own, and a client that looks at them from outside.
pub(crate) struct Setup {
    pub(crate) store: DynamoStore,
    config: Config,
    client: Client,
    tables: Tables,
}

pub(crate) async fn setup() -> Setup {
    setup_with(|config| config).await
}

/// The store's own client watched by `interceptor`.
async fn watched(interceptor: impl Intercept + 'static) -> Setup {
    setup_with(|config| config.interceptor(interceptor)).await
}

async fn setup_with(change: impl FnOnce(Builder) -> Builder) -> Setup {
    let endpoint = ministack::dynamodb_endpoint().unwrap_or_else(|error| panic!("{error}"));
    let builder = || Builder::from(&ministack::config(&endpoint));
    let client = Client::from_conf(builder().build());
    let tables = ministack::create_tables(&client).await.unwrap_or_else(|error| panic!("{error}"));
    // Few parts: every list and poll asks for each.
    let shards = Shards { due: 16, queue: 8, user: 4 };
    let config = Config { shards, ..Config::new(&tables.tasks, &tables.log) };
    // Repeats as the default does, but does not dawdle.
    let at_once = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let own = Client::from_conf(change(builder().retry_config(at_once)).build());
    Setup { store: DynamoStore::new(own, config.clone()), config, client, tables }
}

impl Setup {
    /// Every item of both tables.
    pub(crate) async fn everything(&self) -> Vec<Item> {
        self.tables.items(&self.client).await
    }

    /// Every item of the partition of a task: the task and payloads.
    async fn items(&self, key: &TaskKey) -> Vec<Item> {
        let pk = AttributeValue::S(format!("t#{}#{}", key.tenant, key.id));
        let query = self.client.query().table_name(&self.tables.tasks).key_condition_expression("pk = :pk");
        query.expression_attribute_values(":pk", pk).send().await.unwrap().items.unwrap_or_default()
    }

    /// The item of a task itself.
    async fn item(&self, key: &TaskKey) -> Item {
        let is_task = |item: &Item| item["sk"] == AttributeValue::S("t".into());
        self.items(key).await.into_iter().find(is_task).unwrap()
    }

    async fn log_items(&self, key: &TaskKey) -> Vec<Item> {
        let pk = AttributeValue::S(format!("{}#{}", key.tenant, key.id));
        let query = self.client.query().table_name(&self.tables.log).key_condition_expression("pk = :pk");
        query.expression_attribute_values(":pk", pk).send().await.unwrap().items.unwrap_or_default()
    }

    /// Removes items, as TTL does.
    async fn delete(&self, items: &[Item]) {
        for item in items {
            let key = ["pk", "sk"].map(|part| (part.to_owned(), item[part].clone())).into();
            self.client.delete_item().table_name(&self.tables.tasks).set_key(Some(key)).send().await.unwrap();
        }
    }

    /// Changes a row of the log behind the store's back.
    async fn put_row(&self, row: Item) {
        self.client.put_item().table_name(&self.tables.log).set_item(Some(row)).send().await.unwrap();
    }

    /// Changes a stored item behind the store's back.
    async fn put(&self, item: Item) {
        self.client.put_item().table_name(&self.tables.tasks).set_item(Some(item)).send().await.unwrap();
    }
}

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000) + Duration::from_secs(s)
}

/// The longest names that the cost table allows.
fn name(start: &str) -> Name {
    Name::new(&format!("{start:x<16}")).unwrap()
}

/// The task of the cost table (data-model.md), with everything that may be said of a task said.
fn new_task(payload_bytes: usize) -> Asked {
    let key = TaskKey { tenant: name("tenant"), id: fresh() };
    let payload = Json::new(&json!({ "text": "x".repeat(payload_bytes - r#"{"text":""}"#.len()) }));
    assert_eq!(payload.as_str().len(), payload_bytes);
    Asked {
        project: name("project"),
        queue: name("queue"),
        lane: name("lane"),
        agent_type: Some(name("agent")),
        user_id: Some(Id::from(fresh())),
        context_id: Some(Id::from(fresh())),
        context_type: Some(name("context")),
        request_id: Some(fresh().to_string()),
        ..Asked::of_type(key, name("type"), payload, name("principal").to_string(), at(0))
    }
}

fn task(payload_bytes: usize) -> Task {
    Task::accept(new_task(payload_bytes), Uuid::new_v4(), at(0))
}

/// The commit of what `trigger` makes of `task`, and the task after it.
fn change(task: &Task, trigger: Trigger, now: Timestamp) -> (Commit, Task) {
    let mut transition = apply(task, trigger, now).unwrap();
    transition.task.version = Uuid::new_v4();
    let after = transition.task.clone();
    (Commit::change(task.version, transition), after)
}

fn claim(task: &Task, now: Timestamp) -> (Commit, Task) {
    change(task, Trigger::Claim { worker: Uuid::new_v4(), lease: None }, now)
}

fn settle(task: &Task, settlement: Settlement, now: Timestamp) -> (Commit, Task) {
    change(task, Trigger::Settle { fence: fence(task), settlement, report: Report::default() }, now)
}

fn complete(task: &Task, now: Timestamp) -> (Commit, Task) {
    settle(task, Settlement::Complete(Json::new(&json!({ "ok": true }))), now)
}

fn fence(task: &Task) -> Fence {
    task.fence().unwrap()
}

/// What DynamoDB counts as an item's size ("DynamoDB item sizes and formats" in its guide), told independently of
/// the store's own reckoning.
fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(s) => s.len(),
        AttributeValue::N(n) => n.trim_matches(['-', '0']).len().div_ceil(2) + 1 + usize::from(n.starts_with('-')),
        AttributeValue::B(b) => b.as_ref().len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::L(l) => 3 + l.iter().map(|v| 1 + value_size(v)).sum::<usize>(),
        AttributeValue::M(m) => 3 + m.len() + size(m),
        other => panic!("the store writes no {other:?}"),
    }
}
