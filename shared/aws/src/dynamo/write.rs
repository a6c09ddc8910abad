//! One conditional write, or several in a transaction: sent, repeated while it only met another, and told apart.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError, transact_write_items::TransactWriteItemsError,
        update_item::UpdateItemError,
    },
    types::{
        CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure::AllOld,
        TransactWriteItem, Update,
    },
};

use crate::dynamo::{
    attributes::{self, Item},
    errors::{is_busy, not_taken, unavailable, write_failed},
    expression::Expression,
};
use errand::{StoreError, spi::store::COMMIT_BYTES};

/// How often a write that met another is made in all. (The SDK repeats throttled requests itself, but no
/// cancelled transaction.)
const TRIES: u32 = 6;

/// The longest wait before the second try; doubles with each further one. What is waited is drawn below it, so
/// that two that met do not meet again.
const WAIT: Duration = Duration::from_millis(40);

/// The most DynamoDB stores in one item.
const ITEM_BYTES: usize = 400 * 1024;

/// A write and what must hold for it.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// Which table.
    pub(super) table: String,
    /// What to do.
    pub(super) action: Action,
    /// What must hold.
    pub(super) condition: Expression,
}

/// What a [`Write`] does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Puts the whole item.
    Put(Item),
    /// Changes the item with this key.
    Update(Item, Expression),
    /// Removes the item with this key.
    Delete(Item),
    /// Nothing, but demands the condition of the item with this key.
    Check(Item),
}

/// Why a write was not made.
#[derive(Debug)]
pub(super) enum Refused {
    /// Conditions that failed: the places of their writes, and what is stored there.
    Conditions(Vec<(usize, Option<Item>)>),
    /// Anything else.
    Failed(StoreError),
}

/// How one try went wrong.
enum Failure {
    /// It met another write; the same again may succeed.
    Again,
    Refused(Refused),
}

/// Makes `writes`, all or none; a single one that writes costs no transaction.
pub(super) async fn make(client: &Client, writes: &[Write]) -> Result<(), Refused> {
    fits(writes).map_err(Refused::Failed)?;
    for attempt in 0..TRIES {
        let made = match writes {
            [] => return Ok(()),
            [Write { table, action: Action::Put(item), condition }] => put(client, table, item, condition).await,
            [Write { table, action: Action::Update(key, change), condition }] => {
                update(client, table, key, change, condition).await
            }
            [Write { table, action: Action::Delete(key), condition }] => delete(client, table, key, condition).await,
            _ => transaction(client, writes).await,
        };
        match made {
            Ok(()) => return Ok(()),
            Err(Failure::Refused(refused)) => return Err(refused),
            Err(Failure::Again) if attempt + 1 < TRIES => {
                tokio::time::sleep(WAIT.saturating_mul(1 << attempt).mul_f64(fastrand::f64())).await;
            }
            Err(Failure::Again) => break,
        }
    }
    Err(Refused::Failed(StoreError::Busy))
}

async fn put(client: &Client, table: &str, item: &Item, condition: &Expression) -> Result<(), Failure> {
    let request = client.put_item().table_name(table).set_item(Some(item.clone()));
    let request = request
        .condition_expression(&condition.text)
        .set_expression_attribute_names(condition.names())
        .set_expression_attribute_values(condition.values())
        .return_values_on_condition_check_failure(AllOld);
    request.send().await.map(drop).map_err(|error| match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => conditions(failed.item.clone()),
        _ => other(error),
    })
}

async fn update(
    client: &Client,
    table: &str,
    key: &Item,
    change: &Expression,
    condition: &Expression,
) -> Result<(), Failure> {
    let both = joined(change, condition);
    let request = client.update_item().table_name(table).set_key(Some(key.clone())).update_expression(&change.text);
    let request = request
        .condition_expression(&condition.text)
        .set_expression_attribute_names(both.names())
        .set_expression_attribute_values(both.values())
        .return_values_on_condition_check_failure(AllOld);
    request.send().await.map(drop).map_err(|error| match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => conditions(failed.item.clone()),
        _ => other(error),
    })
}

async fn delete(client: &Client, table: &str, key: &Item, condition: &Expression) -> Result<(), Failure> {
    let request = client.delete_item().table_name(table).set_key(Some(key.clone()));
    let request = request
        .condition_expression(&condition.text)
        .set_expression_attribute_names(condition.names())
        .set_expression_attribute_values(condition.values())
        .return_values_on_condition_check_failure(AllOld);
    request.send().await.map(drop).map_err(|error| match error.as_service_error() {
        Some(DeleteItemError::ConditionalCheckFailedException(failed)) => conditions(failed.item.clone()),
        _ => other(error),
    })
}

async fn transaction(client: &Client, writes: &[Write]) -> Result<(), Failure> {
    let items = writes.iter().map(transact_item).collect::<Result<_, _>>();
    let items = items.map_err(|error| Failure::Refused(Refused::Failed(unavailable(error))))?;
    let sent = client.transact_write_items().set_transact_items(Some(items)).send().await;
    sent.map(drop).map_err(|error| match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            match cancelled_for(cancelled.cancellation_reasons()) {
                Some(failure) => failure,
                None => Failure::Refused(Refused::Failed(unavailable(error))),
            }
        }
        _ => other(error),
    })
}

/// What the reasons of a cancelled transaction come to; `None` if they give none. A condition that failed decides
/// whatever else is in the way: it will not hold at the next try either.
fn cancelled_for(reasons: &[CancellationReason]) -> Option<Failure> {
    let failed = reasons.iter().enumerate().filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    let failed: Vec<_> = failed.map(|(place, reason)| (place, reason.item.clone())).collect();
    if !failed.is_empty() {
        return Some(Failure::Refused(Refused::Conditions(failed)));
    }
    let in_the_way = reasons.iter().find(|reason| !matches!(reason.code(), None | Some("None")))?;
    let code = in_the_way.code().unwrap_or_default();
    let message = in_the_way.message().unwrap_or_default();
    Some(match code {
        "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded" => Failure::Again,
        "ValidationError" => Failure::Refused(Refused::Failed(not_taken(message))),
        _ => Failure::Refused(Refused::Failed(StoreError::Unavailable(anyhow::anyhow!("{code}: {message}")))),
    })
}

fn transact_item(write: &Write) -> Result<TransactWriteItem, BuildError> {
    let condition = &write.condition;
    let item = TransactWriteItem::builder();
    Ok(match &write.action {
        Action::Put(put) => {
            let put = Put::builder().table_name(&write.table).set_item(Some(put.clone()));
            let put = put
                .condition_expression(&condition.text)
                .set_expression_attribute_names(condition.names())
                .set_expression_attribute_values(condition.values())
                .return_values_on_condition_check_failure(AllOld);
            item.put(put.build()?)
        }
        Action::Update(key, change) => {
            let both = joined(change, condition);
            let update = Update::builder().table_name(&write.table).set_key(Some(key.clone()));
            let update = update
                .update_expression(&change.text)
                .set_condition_expression(condition.text())
                .set_expression_attribute_names(both.names())
                .set_expression_attribute_values(both.values())
                .return_values_on_condition_check_failure(AllOld);
            item.update(update.build()?)
        }
        Action::Delete(key) => {
            let delete = Delete::builder().table_name(&write.table).set_key(Some(key.clone()));
            let delete = delete
                .condition_expression(&condition.text)
                .set_expression_attribute_names(condition.names())
                .set_expression_attribute_values(condition.values())
                .return_values_on_condition_check_failure(AllOld);
            item.delete(delete.build()?)
        }
        Action::Check(key) => {
            let check = ConditionCheck::builder().table_name(&write.table).set_key(Some(key.clone()));
            let check = check
                .condition_expression(&condition.text)
                .set_expression_attribute_names(condition.names())
                .set_expression_attribute_values(condition.values())
                .return_values_on_condition_check_failure(AllOld);
            item.condition_check(check.build()?)
        }
    }
    .build())
}

/// The placeholders of an update and its condition, which share one request.
fn joined(change: &Expression, condition: &Expression) -> Expression {
    let mut both = change.clone();
    both.names.extend(condition.names.clone());
    both.values.extend(condition.values.clone());
    both
}

/// Refuses beforehand what DynamoDB would refuse, as every other store does.
fn fits(writes: &[Write]) -> Result<(), StoreError> {
    let sizes = writes.iter().map(|write| match &write.action {
        Action::Put(item) => attributes::size(item),
        Action::Update(_, change) => attributes::size(&change.values),
        Action::Delete(_) | Action::Check(_) => 0,
    });
    let sizes: Vec<usize> = sizes.collect();
    if let Some(bytes) = sizes.iter().find(|bytes| **bytes > ITEM_BYTES) {
        return Err(StoreError::TooLarge(format!("an item of {bytes} bytes")));
    }
    let all: usize = sizes.iter().sum();
    if all > COMMIT_BYTES {
        return Err(StoreError::TooLarge(format!("{all} bytes in one commit")));
    }
    Ok(())
}

fn conditions(stored: Option<Item>) -> Failure {
    Failure::Refused(Refused::Conditions(vec![(0, stored)]))
}

fn other<E>(error: SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if is_busy(&error) { Failure::Again } else { Failure::Refused(Refused::Failed(write_failed(error))) }
}
