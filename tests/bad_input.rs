//! Bad input of every sort, by every way in: each is answered with what is wrong and where, and harms nothing else.

mod intake;
mod requests;
mod work;

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use errand::{
    App, Services, Timestamp,
    spi::{
        clock::ManualClock,
        queue::{MemoryQueue, QueueName},
        store::MemoryStore,
    },
};
use integration_tests::{
    events::{Answered, Call, sqs_event},
    settings::Settings,
};
use serde_json::{Value, json};

/// Everything in memory; the queue twice, to be looked at.
pub(crate) struct Setup {
    pub(crate) app: App,
    queue: Arc<MemoryQueue>,
}

pub(crate) fn setup() -> Setup {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_000)));
    let queue = Arc::new(MemoryQueue::new(clock.clone()));
    let services = Services::new(Arc::new(MemoryStore::default()), queue.clone(), clock);
    Setup { app: Settings::default().app(&services), queue }
}

impl Setup {
    async fn answer(&self, call: &Call) -> Answered {
        call.answer(&self.app).await
    }

    /// The call is refused so, in a sentence that begins so.
    async fn refuses(&self, call: Call, status: u16, code: &str, field: &str, sentence: &str) {
        let answer = self.answer(&call).await;
        let (is_status, is_code, is_field, is_sentence) = answer.error();
        assert_eq!((is_status, is_code.as_str(), is_field.as_str()), (status, code, field), "{is_sentence} ({call:?})");
        assert!(is_sentence.starts_with(sentence), "{is_sentence:?} does not begin with {sentence:?}");
        // Long enough to name every task type, and no debug print.
        assert!(is_sentence.len() < 700, "{is_sentence}");
    }

    /// How many tasks there are.
    async fn tasks(&self) -> u64 {
        self.answer(&Call::get("/v1/queues/default/stats")).await.body(200)["open"].as_u64().unwrap()
    }
}

fn enqueue(request: &Value) -> Call {
    Call::post("/v1/tasks", request)
}

fn scripted() -> Value {
    json!({"task_type": "scripted", "payload": {}})
}

/// The scripted request with more fields, or others.
fn with(fields: Value) -> Value {
    let mut request = scripted();
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request
}

/// A message as SQS has it.
fn message(id: &str, body: &str) -> Message {
    Message::builder().message_id(id).receipt_handle(format!("receipt-{id}")).body(body).build()
}

fn from_tenant(mut message: Message, tenant: &str) -> Message {
    let value = MessageAttributeValue::builder().data_type("String").string_value(tenant).build().unwrap();
    message.message_attributes = Some([("tenant".to_owned(), value)].into());
    message
}

fn without_id(mut message: Message) -> Message {
    message.message_id = None;
    message
}

fn event(of: QueueName, messages: &[Message]) -> SqsEvent {
    sqs_event(&MemoryQueue::arn(of), messages)
}
