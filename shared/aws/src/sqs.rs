//! The queues on SQS: standard queues, fair between tenants by `MessageGroupId`.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use aws_sdk_sqs::{
    Client,
    error::{BuildError, ProvideErrorMetadata},
    operation::send_message_batch::SendMessageBatchOutput,
    types::{
        MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName,
        SendMessageBatchRequestEntry,
    },
};
use futures::{StreamExt, TryStreamExt, stream};

use errand::spi::queue::{OutMessage, Queue, QueueError, QueueName, TRACE_ATTRIBUTE};

/// The most messages one request takes.
const BATCH: usize = 10;

/// The most bytes one request takes, bodies and attributes together.
const BATCH_BYTES: usize = 1024 * 1024;

/// The longest delay, in seconds.
const MAX_DELAY_S: u64 = 900;

/// The longest a message can be hidden, in seconds.
const MAX_HIDE_S: u64 = 12 * 3600;

/// How many requests one call has under way at a time.
const WIDTH: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    urls: BTreeMap<QueueName, String>,
}

impl SqsQueue {
    /// The queues at these URLs; a queue that is not among them cannot be used.
    pub fn new(client: Client, urls: BTreeMap<QueueName, String>) -> Self {
        Self { client, urls }
    }

    fn url(&self, of: QueueName) -> anyhow::Result<&str> {
        let of = if of == QueueName::Pushed { QueueName::Long } else { of };
        let url = self.urls.get(&of).map(String::as_str);
        url.ok_or_else(|| anyhow::anyhow!("no url is configured for queue {}", of.as_str()))
    }

    async fn check_one(&self, queue: QueueName, url: &str) -> Result<(), QueueError> {
        let request = self.client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
        let answer = request.send().await.map_err(anyhow::Error::new);
        answer.map(drop).map_err(|error| QueueError::Unavailable(error.context(format!("queue {}", queue.as_str()))))
    }

    async fn send_batch(&self, url: &str, batch: Vec<OutMessage>) -> Vec<Result<(), QueueError>> {
        let count = batch.len();
        let entries: Result<Vec<_>, _> = batch.into_iter().enumerate().map(|(place, m)| entry(place, m)).collect();
        let sent = match entries {
            Ok(entries) => {
                let request = self.client.send_message_batch().queue_url(url).set_entries(Some(entries));
                request.send().await.map_err(anyhow::Error::new)
            }
            Err(error) => Err(error.into()),
        };
        match sent {
            Ok(answer) => (0..count).map(|place| answer_for(place, &answer)).collect(),
            Err(error) => refused(count, &error),
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, to: QueueName, messages: Vec<OutMessage>) -> Vec<Result<(), QueueError>> {
        let url = match self.url(to) {
            Ok(url) => url,
            Err(error) => return refused(messages.len(), &error),
        };
        let sends: Vec<_> = batches(messages).into_iter().map(|batch| self.send_batch(url, batch)).collect();
        let answers: Vec<_> = stream::iter(sends).buffered(WIDTH).collect().await;
        answers.into_iter().flatten().collect()
    }

    async fn hide(&self, on: QueueName, receipt: &str, wait: Duration) -> Result<(), QueueError> {
        let request = self
            .client
            .change_message_visibility()
            .queue_url(self.url(on).map_err(QueueError::Unavailable)?)
            .receipt_handle(receipt);
        match request.visibility_timeout(whole_seconds(wait, MAX_HIDE_S)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.code() {
                Some(code) if is_stale(code, error.message().unwrap_or_default()) => QueueError::Stale,
                _ => QueueError::Unavailable(error.into()),
            }),
        }
    }

    fn by_arn(&self, arn: &str) -> Option<QueueName> {
        // The last part of both the ARN and the URL is the queue's own name.
        let name = arn.rsplit(':').next().filter(|name| !name.is_empty());
        let same = |url: &str| url.rsplit('/').next() == name;
        self.urls.iter().find(|(_, url)| same(url)).map(|(queue, _)| *queue)
    }

    async fn check(&self) -> Result<(), QueueError> {
        if self.urls.is_empty() {
            return Err(QueueError::Unavailable(anyhow::anyhow!("no queue is configured")));
        }
        let checks: Vec<_> = self.urls.iter().map(|(queue, url)| self.check_one(*queue, url)).collect();
        stream::iter(checks).buffer_unordered(WIDTH).try_collect().await
    }
}

/// Whether an error of `ChangeMessageVisibility` says that the receipt no longer holds the message. For some
/// receipts SQS says it with the general code for a bad parameter.
fn is_stale(code: &str, message: &str) -> bool {
    match code.rsplit('.').next().unwrap_or(code) {
        "ReceiptHandleIsInvalid" | "MessageNotInflight" => true,
        code => code.starts_with("InvalidParameterValue") && message.contains("ReceiptHandle"),
    }
}

/// `messages` in order, in requests as large as SQS takes. One that is too large by itself goes alone and is refused.
fn batches(messages: Vec<OutMessage>) -> Vec<Vec<OutMessage>> {
    let mut batches: Vec<Vec<OutMessage>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let size = size(&message);
        match batches.last_mut().filter(|batch| batch.len() < BATCH && bytes + size <= BATCH_BYTES) {
            Some(batch) => {
                bytes += size;
                batch.push(message);
            }
            None => {
                bytes = size;
                batches.push(vec![message]);
            }
        }
    }
    batches
}

/// What SQS counts: the body, and of each attribute name, type and value.
fn size(message: &OutMessage) -> usize {
    let attributes = message.attributes.iter().map(|(name, value)| name.len() + "String".len() + value.len());
    message.body.len() + attributes.sum::<usize>()
}

fn entry(place: usize, message: OutMessage) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(place.to_string())
        .message_body(message.body)
        .delay_seconds(whole_seconds(message.delay, MAX_DELAY_S))
        .set_message_group_id(message.group.map(|group| group.as_str().to_owned()));
    for (name, value) in message.attributes {
        if name == TRACE_ATTRIBUTE {
            let value = MessageSystemAttributeValue::builder().data_type("String").string_value(value).build()?;
            entry = entry.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
            continue;
        }
        // An empty value would be refused, and the message with it.
        if !value.is_empty() {
            let value = MessageAttributeValue::builder().data_type("String").string_value(allowed(&value)).build()?;
            entry = entry.message_attributes(name, value);
        }
    }
    entry.build()
}

/// `text` without the characters that SQS refuses.
fn allowed(text: &str) -> String {
    let replaced = |c| match c {
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}' => c,
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(replaced).collect()
}

fn answer_for(place: usize, answer: &SendMessageBatchOutput) -> Result<(), QueueError> {
    let id = place.to_string();
    if answer.successful().iter().any(|entry| entry.id() == id) {
        return Ok(());
    }
    let failed = answer.failed().iter().find(|entry| entry.id() == id);
    Err(QueueError::Unavailable(match failed {
        Some(entry) => anyhow::anyhow!("{}: {}", entry.code(), entry.message().unwrap_or_default()),
        None => anyhow::anyhow!("the answer does not speak of this message"),
    }))
}

/// One error for many messages: each gets what it says.
fn refused(count: usize, error: &anyhow::Error) -> Vec<Result<(), QueueError>> {
    let said = format!("{error:#}");
    (0..count).map(|_| Err(QueueError::Unavailable(anyhow::anyhow!("{said}")))).collect()
}

/// Rounded up, so that nothing is visible before its time.
fn whole_seconds(wait: Duration, max: u64) -> i32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    i32::try_from(seconds.min(max)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> OutMessage {
        OutMessage { body: "x".repeat(bytes), delay: Duration::ZERO, group: None, attributes: vec![] }
    }

    #[test]
    fn requests_hold_ten_messages_and_a_mebibyte_at_most() {
        let lengths = |of: Vec<OutMessage>| batches(of).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths((0..23).map(|_| message(1)).collect()), [10, 10, 3]);
        assert_eq!(lengths(vec![message(600_000), message(448_576), message(1)]), [2, 1]);
        assert_eq!(lengths(vec![message(2_000_000), message(1)]), [1, 1]);
    }

    #[test]
    fn waits_are_rounded_up_and_capped() {
        let s = |ms| whole_seconds(Duration::from_millis(ms), MAX_DELAY_S);
        assert_eq!([s(0), s(1), s(1000), s(899_001), s(5_000_000)], [0, 1, 1, 900, 900]);
    }

    #[test]
    fn attributes_lose_what_sqs_refuses() {
        assert_eq!(allowed("a\u{0}b\u{ffff}\tc😀"), "a\u{fffd}b\u{fffd}\tc😀");
        let attributes = vec![("empty", String::new()), ("full", "x".to_owned())];
        let entry = entry(0, OutMessage { attributes, ..message(1) }).unwrap();
        assert_eq!(entry.message_attributes.unwrap().keys().collect::<Vec<_>>(), ["full"]);
    }

    #[test]
    fn the_trace_is_sqss_own_attribute() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".to_owned();
        let entry = entry(0, OutMessage { attributes: vec![(TRACE_ATTRIBUTE, header.clone())], ..message(1) }).unwrap();
        assert!(entry.message_attributes.is_none());
        let own = entry.message_system_attributes.unwrap();
        assert_eq!(own[&MessageSystemAttributeNameForSends::AwsTraceHeader].string_value(), Some(&*header));
    }

    #[test]
    fn a_receipt_that_is_refused_is_stale_and_another_parameter_is_not() {
        assert!(is_stale("ReceiptHandleIsInvalid", ""));
        assert!(is_stale("AWS.SimpleQueueService.MessageNotInflight", ""));
        assert!(is_stale("InvalidParameterValue", "Value x for parameter ReceiptHandle is invalid."));
        assert!(!is_stale("InvalidParameterValue", "Value 99999 for parameter VisibilityTimeout is invalid."));
    }
}
