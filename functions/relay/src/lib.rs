//! Relays the table's change stream: events to the bus, counters to the table, and rows to the action log that whoever
//! made them has not brought there.

#[cfg(feature = "lambda")]
mod run;

use std::collections::HashMap;

use aws_lambda_events::{
    dynamodb::{EventRecord, TimeWindowEventResponse},
    streams::DynamoDbBatchItemFailure,
};
use errand::{App, spi::queue::QueueName};
use errand_aws::{
    dynamo::{DynamoStore, Item, image},
    relay::{Batch, BusEvents, RelayError, Seen, Sequence, relay},
};
use serde::Deserialize;
use tracing::error;

#[cfg(feature = "lambda")]
pub use run::run;

/// The queues this function uses: none.
pub const QUEUES: &[QueueName] = &[];

/// What the window's state is handed on under.
const STATE: &str = "window";

/// Records of the stream, with what a tumbling window adds. (The crate's own type demands a window.)
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamEvent {
    /// The records, in the order of their shard.
    #[serde(rename = "Records", default)]
    pub records: Vec<EventRecord>,
    /// What this window's invocation before answered.
    #[serde(default)]
    pub state: Option<HashMap<String, String>>,
    /// Which shard; only in a window.
    #[serde(default)]
    pub shard_id: Option<String>,
    /// Whether the window ends with this; without a window every batch stands for itself.
    #[serde(default)]
    pub is_final_invoke_for_window: Option<bool>,
    /// Whether the window has to end here because its state is too large.
    #[serde(default)]
    pub is_window_terminated_early: Option<bool>,
}

/// Relays a batch; `told`: which changes of tasks the bus hears of. An error has Lambda hand all of it over again, with
/// the same state.
pub async fn handle(
    app: &App,
    store: &DynamoStore,
    told: BusEvents,
    event: StreamEvent,
) -> Result<TimeWindowEventResponse, RelayError> {
    let in_window = event.is_final_invoke_for_window == Some(false) && event.is_window_terminated_early != Some(true);
    let (mut records, mut riding) = (Vec::new(), Vec::new());
    for record in event.records {
        let Some((sequence, images)) = read(record) else { continue };
        records.push((sequence, images.seen));
        riding.extend(images.riding);
    }
    let batch = Batch {
        // The mapping has one: without it, counts would depend on how the stream is cut into shards.
        shard: event.shard_id.unwrap_or_else(|| "none".to_owned()),
        records,
        state: event.state.and_then(|mut state| state.remove(STATE)),
        is_last: !in_window,
    };
    let relayed = relay(app, store, told, batch).await?;
    // Last: a log that takes nothing has all of this come again, and keeps nobody from hearing of it.
    store.copy_rows(&riding).await.map_err(RelayError::Log)?;
    let mut response = TimeWindowEventResponse::default();
    response.time_window_event_response_properties.state = HashMap::from([(STATE.to_owned(), relayed.state)]);
    response.batch_item_failures = relayed.again.into_iter().map(failure).collect();
    Ok(response)
}

/// What a record tells, and the image with the row that must be in the action log.
struct Images {
    seen: Seen,
    riding: Option<Item>,
}

/// One that cannot be read must not keep the others of its shard from being told, for ever.
fn read(record: EventRecord) -> Option<(Sequence, Images)> {
    let EventRecord { change, event_id, .. } = record;
    let sequence = match Sequence::try_from(change.sequence_number.unwrap_or_default()) {
        Ok(sequence) => sequence,
        Err(problem) => {
            error!(event_id, error = %problem, "a record of the stream has no place and is left out");
            return None;
        }
    };
    let image = |item: serde_dynamo::Item| -> Option<Item> { (!item.is_empty()).then(|| item.into()) };
    let (old, new) = (image(change.old_image), image(change.new_image));
    let seen = image::read(old.as_ref(), new.as_ref()).unwrap_or_else(|problem| {
        let keys = change.keys;
        error!(%sequence, ?keys, error = %format!("{problem:#}"), "a change cannot be read; it is neither told nor counted");
        Seen::Nothing
    });
    let riding = image::riding(old.as_ref(), new.as_ref()).cloned();
    Some((sequence, Images { seen, riding }))
}

fn failure(sequence: Sequence) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(sequence.to_string());
    failure
}
