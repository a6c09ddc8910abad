//! Counts requests and the capacity they consume, from within the SDK: production code meters nothing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{
            AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
            BeforeTransmitInterceptorContextRef,
        },
    },
    error::BoxError,
    operation::{
        batch_get_item::BatchGetItemInput,
        delete_item::{DeleteItemInput, DeleteItemOutput},
        get_item::GetItemInput,
        put_item::{PutItemInput, PutItemOutput},
        query::{QueryInput, QueryOutput},
        transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput},
        update_item::{UpdateItemInput, UpdateItemOutput},
    },
    types::{AttributeValue, Capacity, ConsumedCapacity, ReturnConsumedCapacity},
};

/// What was used since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Used {
    /// How many requests were sent.
    pub(super) requests: usize,
    /// Write units by index, or by `tasks` and `log` for the tables themselves.
    pub(super) writes: BTreeMap<String, f64>,
    /// Of these, what transactions wrote to indexes. It is counted here as it is outside one; emulators differ.
    pub(super) in_transactions: f64,
    /// How often each item was put or deleted, by its key.
    pub(super) items: BTreeMap<String, usize>,
}

impl Used {
    pub(super) fn write_units(&self) -> f64 {
        self.writes.values().sum()
    }

    /// The same, if a transaction's writes to indexes count double, as its writes to the table do.
    pub(super) fn doubled(&self) -> f64 {
        self.write_units() + self.in_transactions
    }

    fn touch(&mut self, item: Option<&HashMap<String, AttributeValue>>) {
        let part = |name| item.and_then(|item| item.get(name)).and_then(|part| part.as_s().ok()).cloned();
        *self.items.entry(format!("{:?} {:?}", part("pk"), part("sk"))).or_default() += 1;
    }

    fn add(&mut self, what: &str, units: f64) {
        if units > 0.0 {
            *self.writes.entry(what.to_owned()).or_default() += units;
        }
    }

    /// What of it was written to indexes.
    fn add_all(&mut self, consumed: &ConsumedCapacity) -> f64 {
        let indexes = consumed.global_secondary_indexes().into_iter().flatten();
        let by_index: Vec<(&String, f64)> = indexes.map(|(name, units)| (name, capacity(units))).collect();
        let in_indexes: f64 = by_index.iter().map(|(_, units)| units).sum();
        let table = consumed.table_name().unwrap_or_default().split('-').next().unwrap_or_default();
        self.add(table, consumed.capacity_units().unwrap_or_default() - in_indexes);
        by_index.into_iter().for_each(|(name, units)| self.add(name, units));
        in_indexes
    }
}

fn capacity(capacity: &Capacity) -> f64 {
    capacity.capacity_units().unwrap_or_default()
}

/// Asks every request for what it consumed, and sums the answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Mutex<Used>>);

impl Meter {
    /// What was used since this was last asked.
    pub(super) fn take(&self) -> Used {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        let wanted = Some(ReturnConsumedCapacity::Indexes);
        let mut used = self.0.lock().unwrap();
        if let Some(put) = input.downcast_mut::<PutItemInput>() {
            used.touch(put.item());
            put.return_consumed_capacity = wanted;
        } else if let Some(transaction) = input.downcast_mut::<TransactWriteItemsInput>() {
            let puts = transaction.transact_items().iter().filter_map(|item| item.put());
            puts.for_each(|put| used.touch(Some(put.item())));
            transaction.return_consumed_capacity = wanted;
        } else if let Some(update) = input.downcast_mut::<UpdateItemInput>() {
            update.return_consumed_capacity = wanted;
        } else if let Some(query) = input.downcast_mut::<QueryInput>() {
            query.return_consumed_capacity = wanted;
        } else if let Some(batch) = input.downcast_mut::<BatchGetItemInput>() {
            batch.return_consumed_capacity = wanted;
        } else if let Some(get) = input.downcast_mut::<GetItemInput>() {
            get.return_consumed_capacity = wanted;
        } else if let Some(delete) = input.downcast_mut::<DeleteItemInput>() {
            used.touch(delete.key());
            delete.return_consumed_capacity = wanted;
        } else {
            panic!("the meter does not know {input:?}");
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.lock().unwrap().requests += 1;
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = context.output_or_error() else { return Ok(()) };
        let mut used = self.0.lock().unwrap();
        if let Some(put) = output.downcast_ref::<PutItemOutput>() {
            put.consumed_capacity().into_iter().for_each(|consumed| _ = used.add_all(consumed));
        } else if let Some(delete) = output.downcast_ref::<DeleteItemOutput>() {
            delete.consumed_capacity().into_iter().for_each(|consumed| _ = used.add_all(consumed));
        } else if let Some(update) = output.downcast_ref::<UpdateItemOutput>() {
            update.consumed_capacity().into_iter().for_each(|consumed| _ = used.add_all(consumed));
        } else if let Some(transaction) = output.downcast_ref::<TransactWriteItemsOutput>() {
            let in_indexes: f64 = transaction.consumed_capacity().iter().map(|consumed| used.add_all(consumed)).sum();
            used.in_transactions += in_indexes;
        } else if let Some(query) = output.downcast_ref::<QueryOutput>() {
            assert!(query.consumed_capacity().is_some());
        }
        Ok(())
    }
}
