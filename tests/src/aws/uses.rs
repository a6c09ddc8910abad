//! Writes down what a client asks of AWS, in the words of IAM: the action, and the resource as the template names it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeSerializationInterceptorContextRef},
    error::BoxError,
    operation::{
        batch_get_item::BatchGetItemInput, delete_item::DeleteItemInput, describe_table::DescribeTableInput,
        get_item::GetItemInput, put_item::PutItemInput, query::QueryInput,
        transact_write_items::TransactWriteItemsInput, update_item::UpdateItemInput,
    },
    types::AttributeValue,
};
use aws_sdk_eventbridge::operation::put_events::PutEventsInput;
use aws_sdk_sqs::operation::{
    change_message_visibility::ChangeMessageVisibilityInput, get_queue_attributes::GetQueueAttributesInput,
    send_message_batch::SendMessageBatchInput,
};

/// An action and what it is done to, `("dynamodb:Query", "TasksTable/index/due")`; or a kind of item that is written,
/// `("dynamodb:LeadingKeys", "t#*")`.
pub type Use = (String, String);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Uses(Arc<Mutex<BTreeMap<Use, usize>>>);

impl Uses {
    /// Everything so far, and how often.
    pub fn all(&self) -> BTreeMap<Use, usize> {
        self.0.lock().unwrap().clone()
    }
}

impl Intercept for Uses {
    fn name(&self) -> &'static str {
        "uses"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input();
        let on_table = |action: &str, table: Option<&str>| vec![(format!("dynamodb:{action}"), resource(table))];
        let on_queue = |action: &str, url: Option<&str>| vec![(format!("sqs:{action}"), resource(url))];
        // A write, and among the tasks also the kind of what is written, with which its key begins.
        let writes = |action: &str, table: Option<&str>, key: Option<&AttributeValue>| {
            let mut uses = on_table(action, table);
            let of_tasks = key.filter(|_| resource(table) == "TasksTable").and_then(|key| key.as_s().ok());
            uses.extend(of_tasks.map(|key| ("dynamodb:LeadingKeys".to_owned(), kind_of(key))));
            uses
        };
        // What IAM asks of each: a transaction and a batch need what their parts would.
        let uses = if let Some(query) = input.downcast_ref::<QueryInput>() {
            let index = query.index_name().map(|index| format!("/index/{index}")).unwrap_or_default();
            vec![("dynamodb:Query".to_owned(), resource(query.table_name()) + &index)]
        } else if let Some(put) = input.downcast_ref::<PutItemInput>() {
            writes("PutItem", put.table_name(), put.item().and_then(|item| item.get("pk")))
        } else if let Some(get) = input.downcast_ref::<GetItemInput>() {
            on_table("GetItem", get.table_name())
        } else if let Some(update) = input.downcast_ref::<UpdateItemInput>() {
            writes("UpdateItem", update.table_name(), update.key().and_then(|key| key.get("pk")))
        } else if let Some(delete) = input.downcast_ref::<DeleteItemInput>() {
            writes("DeleteItem", delete.table_name(), delete.key().and_then(|key| key.get("pk")))
        } else if let Some(describe) = input.downcast_ref::<DescribeTableInput>() {
            on_table("DescribeTable", describe.table_name())
        } else if let Some(batch) = input.downcast_ref::<BatchGetItemInput>() {
            let tables = batch.request_items().into_iter().flatten().map(|(table, _)| table.as_str());
            tables.flat_map(|table| on_table("BatchGetItem", Some(table))).collect()
        } else if let Some(transaction) = input.downcast_ref::<TransactWriteItemsInput>() {
            let parts = transaction.transact_items().iter().map(|part| {
                let put = part.put().map(|put| writes("PutItem", Some(put.table_name()), put.item().get("pk")));
                let update = part.update();
                let update = update.map(|it| writes("UpdateItem", Some(it.table_name()), it.key().get("pk")));
                let check = part.condition_check().map(|it| on_table("ConditionCheckItem", Some(it.table_name())));
                let delete = part.delete();
                let delete = delete.map(|it| writes("DeleteItem", Some(it.table_name()), it.key().get("pk")));
                put.or(update).or(delete).or(check).unwrap_or_else(|| panic!("{part:?} is not known here"))
            });
            parts.flatten().collect()
        } else if let Some(send) = input.downcast_ref::<SendMessageBatchInput>() {
            on_queue("SendMessage", send.queue_url())
        } else if let Some(hide) = input.downcast_ref::<ChangeMessageVisibilityInput>() {
            on_queue("ChangeMessageVisibility", hide.queue_url())
        } else if let Some(get) = input.downcast_ref::<GetQueueAttributesInput>() {
            on_queue("GetQueueAttributes", get.queue_url())
        } else if let Some(put) = input.downcast_ref::<PutEventsInput>() {
            let buses = put.entries().iter().map(|entry| resource(entry.event_bus_name()));
            buses.map(|bus| ("events:PutEvents".to_owned(), bus)).collect()
        } else {
            panic!("{input:?} is not known here")
        };
        let mut all = self.0.lock().unwrap();
        uses.into_iter().for_each(|used| *all.entry(used).or_default() += 1);
        Ok(())
    }
}

/// `tasks-…` is the template's TasksTable, `log-…` its ActionLogTable, `bus-…` its EventBus, `…/dead-letter-…`
/// its DeadLetterQueue.
fn resource(name_or_url: Option<&str>) -> String {
    let name = name_or_url.unwrap_or_default();
    match name.rsplit('/').next().unwrap_or(name).rsplit_once('-') {
        Some(("tasks", _)) => "TasksTable".to_owned(),
        Some(("log", _)) => "ActionLogTable".to_owned(),
        Some(("bus", _)) => "EventBus".to_owned(),
        Some((queue, _)) => queue_id(queue),
        None => panic!("{name:?} is no table or queue of ours"),
    }
}

/// `t#*` for the key `t#acme#…`: the kind of its item, as a condition of the template says it.
pub fn kind_of(key: &str) -> String {
    format!("{}#*", key.split('#').next().unwrap_or_default())
}

/// `IntakeDeadLetterQueue` for the queue `intake-dead-letter`: its id in the template.
pub fn queue_id(queue: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    queue.split('-').map(capital).collect::<String>() + "Queue"
}
