//! A task that is removed for good. The rows of its log stay, without what they say: the relay may yet bring one that rode in
//! an item which the change stream still has, and finds by its version that it is there.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::dynamo::{
    DynamoStore,
    attributes::{Item, text},
    commit::{is_own, is_still},
    concurrently,
    expression::Expression,
    keys,
    list::items,
    log::riding_in,
    write::{self, Action, Refused, Write},
};
use errand::{
    StoreError, Task, TaskKey,
    spi::store::{COMMIT_ITEMS, Part},
};

/// What is taken from a row: what [`LogEntry::blank`](errand::spi::lifecycle::log::LogEntry::blank) leaves out.
const SAID: [&str; 8] =
    ["user_id", "context_id", "context_type", "by", "failure", "reason", "output_excerpt", "effects"];

impl DynamoStore {
    pub(super) async fn erase_one(&self, task: &Task) -> Result<(), StoreError> {
        let changed = || StoreError::Conflict { parts: vec![Part::Task] };
        if let Some(item) = self.item(keys::task(&task.key)).await? {
            if !is_own(&item, task.version) || task.ended_at.is_none() {
                return Err(changed());
            }
            // It must be in the log before the task goes: else the relay, which hears of that, would put it there as it was.
            if let Some(riding) = riding_in(&item)? {
                self.see_copied(&riding, item).await?;
            }
        }
        self.blank_rows(&task.key).await?;
        let (own, payloads) = self.items_of(&task.key).await?;
        let remove = |key, condition| self.in_tasks(Action::Delete(key), condition);
        // Its payload goes with it: a task without one could not be read, and would not be found again.
        let payloads = payloads.into_iter().take(COMMIT_ITEMS - 1).map(|key| remove(key, any()));
        let own = own.map(|own| remove(own, is_still(task.version)));
        let deletes: Vec<Write> = own.into_iter().chain(payloads).collect();
        match write::make(&self.client, &deletes).await {
            Ok(()) => Ok(()),
            Err(Refused::Conditions(_)) => Err(changed()),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    /// Every row of a task, in all its lives, without what it says.
    async fn blank_rows(&self, key: &TaskKey) -> Result<(), StoreError> {
        let query = self.client.query().table_name(&self.config.log_table).consistent_read(true);
        let query =
            query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(keys::log_pk(key)));
        let rows = items(query, usize::MAX).await?;
        let said = rows.iter().filter(|row| !is_blank(row)).map(|row| {
            let mut update =
                Expression::new(format!("SET payload_hash = :none REMOVE {}", removed()), [(":none", text(""))]);
            SAID.iter().enumerate().for_each(|(nth, name)| {
                update.names.insert(format!("#{nth}"), (*name).to_owned());
            });
            let condition = Expression::new("attribute_exists(pk)", []);
            Write {
                table: self.config.log_table.clone(),
                action: Action::Update(key_of(row, "seq"), update),
                condition,
            }
        });
        let writes: Vec<Write> = said.collect();
        let answers = concurrently(writes.iter().map(|write| self.made_alone(write)).collect()).await;
        answers.into_iter().collect()
    }

    /// A row that has gone by its age meanwhile says nothing either.
    async fn made_alone(&self, write: &Write) -> Result<(), StoreError> {
        match write::make(&self.client, std::slice::from_ref(write)).await {
            Ok(()) | Err(Refused::Conditions(_)) => Ok(()),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    /// The keys of a task's item, if it is there, and of all its payloads: those of its lives before, too.
    async fn items_of(&self, key: &TaskKey) -> Result<(Option<Item>, Vec<Item>), StoreError> {
        let query = self.client.query().table_name(&self.config.tasks_table).consistent_read(true);
        let query = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::task_pk(key)))
            .projection_expression("pk, sk");
        let found = items(query, usize::MAX).await?;
        let is_task = |item: &Item| item.get("sk") == Some(&text(keys::TASK));
        let (own, payloads): (Vec<Item>, Vec<Item>) = found.into_iter().partition(is_task);
        Ok((own.into_iter().next(), payloads))
    }
}

fn removed() -> String {
    (0..SAID.len()).map(|nth| format!("#{nth}")).collect::<Vec<_>>().join(", ")
}

fn is_blank(row: &Item) -> bool {
    row.get("payload_hash") == Some(&AttributeValue::S(String::new()))
        && !SAID.iter().any(|name| row.contains_key(*name))
}

fn key_of(item: &Item, sort: &str) -> Item {
    ["pk", sort].into_iter().filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect()
}

fn any() -> Expression {
    Expression::new("attribute_exists(pk) OR attribute_not_exists(pk)", [])
}
