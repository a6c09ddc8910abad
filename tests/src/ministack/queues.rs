//! Queues, made under names of their own.

use std::collections::BTreeMap;

use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use errand::spi::queue::QueueName;

/// Makes one empty standard queue for each name, which nobody else uses: their URLs.
///
/// # Errors
/// A sentence that says what went wrong.
pub async fn create_queues(client: &Client) -> Result<BTreeMap<QueueName, String>, String> {
    let id = uuid::Uuid::new_v4().simple();
    let mut urls = BTreeMap::new();
    for queue in QueueName::ALL {
        let name = format!("{}-{id}", queue.as_str());
        let made = client.create_queue().queue_name(&name).send().await;
        let made = made.map_err(|e| format!("cannot create queue {name}: {}", DisplayErrorContext(e)))?;
        urls.insert(queue, made.queue_url.ok_or_else(|| format!("queue {name} has no url"))?);
    }
    Ok(urls)
}
