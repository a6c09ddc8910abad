//! Errand's functions on MiniStack: each with clients of its own, all on the same tables and queues, at a time that
//! stands still until a test moves it.

mod uses;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_lambda_events::sqs::SqsBatchResponse;
use aws_sdk_dynamodb::{config::retry::RetryConfig, types::AttributeValue};
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use errand::{
    App, Services, Timestamp,
    spi::{
        clock::{Clock, ManualClock},
        poller::PollReport,
        queue::QueueName,
    },
};
use errand_aws::{
    Shards,
    dynamo::{Config, DynamoStore},
    event_bridge::EventBridge,
    sqs::SqsQueue,
};
use serde_json::Value;

use crate::{
    events::{Answered, Call, sqs_event},
    ministack::{self, Tables},
    relay::{Item, batch},
    settings::Settings,
};
pub use uses::{Use, Uses, kind_of, queue_id};

/// A function as it is deployed (`enqueue` and `process-task` twice, from one library and with one role each).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the names say it
pub enum Lambda {
    Enqueue,
    ProcessTask,
    Poller,
    Status,
    Control,
    Mcp,
    Relay,
}

impl Lambda {
    /// All of them.
    pub const ALL: [Lambda; 7] = [
        Lambda::Enqueue,
        Lambda::ProcessTask,
        Lambda::Poller,
        Lambda::Status,
        Lambda::Control,
        Lambda::Mcp,
        Lambda::Relay,
    ];

    /// The queues that its library names.
    pub fn queues(self) -> &'static [QueueName] {
        match self {
            Lambda::Enqueue => enqueue::QUEUES,
            Lambda::ProcessTask => process_task::QUEUES,
            Lambda::Poller => poller::QUEUES,
            Lambda::Status => status::QUEUES,
            Lambda::Control => control::QUEUES,
            Lambda::Mcp => mcp::QUEUES,
            Lambda::Relay => ::relay::QUEUES,
        }
    }

    fn has_bus(self) -> bool {
        match self {
            // Control polls when somebody asks it to.
            Lambda::Poller | Lambda::Control | Lambda::Relay => true,
            Lambda::Enqueue | Lambda::ProcessTask | Lambda::Status | Lambda::Mcp => false,
        }
    }
}

/// Repeats as the default does, but does not dawdle.
fn at_once() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(1))
}

/// See the module.
pub struct Stack {
    /// What time the functions believe it is.
    pub clock: Arc<ManualClock>,
    /// Its tables.
    pub tables: Tables,
    /// Its queues.
    pub urls: BTreeMap<QueueName, String>,
    /// Its event bus.
    pub bus: String,
    has_bus: bool,
    /// A client that looks at the tables from outside.
    pub dynamo: aws_sdk_dynamodb::Client,
    /// Which function polls: the poller, or control by `POST /v1/poll`.
    pub polls: Lambda,
    settings: Settings,
    apps: BTreeMap<Lambda, App>,
    uses: BTreeMap<Lambda, Uses>,
    sqs: aws_sdk_sqs::Client,
    events: aws_sdk_eventbridge::Client,
}

/// How many messages a queue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Depth {
    /// That a receive would get.
    pub visible: u32,
    /// In somebody's hands, or hidden by whom they were.
    pub hidden: u32,
    /// Sent with a delay that has not passed.
    pub delayed: u32,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Delivered {
    /// What was delivered.
    pub messages: Vec<Message>,
    /// The ids of those that the function wants again.
    pub again: Vec<String>,
}

impl Stack {
    /// Empty tables and queues.
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// The same for functions with these settings.
    pub async fn with(settings: Settings) -> Self {
        Self::made(settings, true).await
    }

    /// The same for functions that know of no bus: the poller delivers every event at once, and lists it.
    pub async fn without_bus(settings: Settings) -> Self {
        Self::made(settings, false).await
    }

    async fn made(settings: Settings, has_bus: bool) -> Self {
        let endpoint = ministack::endpoint().unwrap_or_else(|error| panic!("{error}"));
        let config = ministack::config(endpoint);
        let (dynamo, sqs) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
        let tables = ministack::create_tables(&dynamo).await.unwrap_or_else(|error| panic!("{error}"));
        let urls = ministack::create_queues(&sqs).await.unwrap_or_else(|error| panic!("{error}"));
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_000)));
        let uses: BTreeMap<Lambda, Uses> = Lambda::ALL.into_iter().map(|of| (of, Uses::default())).collect();
        let apps = BTreeMap::new();
        let bus = format!("bus-{}", uuid::Uuid::new_v4().simple());
        let events = aws_sdk_eventbridge::Client::new(&config);
        events.create_event_bus().name(&bus).send().await.unwrap_or_else(|error| panic!("{error:?}"));
        let mut stack = Self {
            clock,
            tables,
            urls,
            bus,
            has_bus,
            dynamo,
            polls: Lambda::Poller,
            settings,
            apps,
            uses,
            sqs,
            events,
        };
        stack.apps = Lambda::ALL.into_iter().map(|of| (of, stack.new_app(of))).collect();
        stack
    }

    /// One more process of a function.
    pub fn new_app(&self, of: Lambda) -> App {
        self.new_app_with(of, ministack::endpoint().unwrap_or_else(|error| panic!("{error}")))
    }

    /// The same, which finds the bus at this endpoint.
    pub fn new_app_with(&self, of: Lambda, bus_endpoint: &str) -> App {
        let config = ministack::config(ministack::endpoint().unwrap_or_else(|error| panic!("{error}")));
        let watch = &self.uses[&of];
        let sqs = aws_sdk_sqs::config::Builder::from(&config).retry_config(at_once()).interceptor(watch.clone());
        let urls = of.queues().iter().map(|queue| (*queue, self.urls[queue].clone())).collect();
        let queue = Arc::new(SqsQueue::new(aws_sdk_sqs::Client::from_conf(sqs.build()), urls));
        let services = Services::new(Arc::new(self.new_store(of)), queue, self.clock.clone());
        let mut settings = self.settings.clone();
        if self.has_bus && of.has_bus() {
            let events = aws_sdk_eventbridge::config::Builder::from(&ministack::config(bus_endpoint));
            let events =
                events.retry_config(at_once()).timeout_config(EventBridge::timeouts()).interceptor(watch.clone());
            let events = aws_sdk_eventbridge::Client::from_conf(events.build());
            settings.listeners.bus = Some(Arc::new(EventBridge::new(events, &self.bus)));
        }
        settings.app(&services)
    }

    /// The store as a function sees it.
    pub fn new_store(&self, of: Lambda) -> DynamoStore {
        let config = ministack::config(ministack::endpoint().unwrap_or_else(|error| panic!("{error}")));
        let dynamo = aws_sdk_dynamodb::config::Builder::from(&config).retry_config(at_once());
        let dynamo = aws_sdk_dynamodb::Client::from_conf(dynamo.interceptor(self.uses[&of].clone()).build());
        // As the processes are told that are started with the template's variables.
        let shards = Shards { due: 16, queue: 16, user: 16 };
        let config = Config { shards, ..Config::new(&self.tables.tasks, &self.tables.log) };
        DynamoStore::new(dynamo, config)
    }

    /// What a function works with.
    pub fn app(&self, of: Lambda) -> &App {
        &self.apps[&of]
    }

    /// What a function has asked of AWS so far, and how often.
    pub fn uses(&self, of: Lambda) -> BTreeMap<Use, usize> {
        self.uses[&of].all()
    }

    /// What the function answers that serves the route.
    pub async fn call(&self, call: &Call) -> Answered {
        let of = match call.route().function {
            errand_http::Function::Enqueue => Lambda::Enqueue,
            errand_http::Function::Status => Lambda::Status,
            errand_http::Function::Control => Lambda::Control,
        };
        call.answer(self.app(of)).await
    }

    /// Polls once.
    pub async fn poll(&self) -> PollReport {
        if self.polls == Lambda::Control {
            let answer = self.call(&Call::post("/v1/poll", &serde_json::json!({}))).await;
            return serde_json::from_value(answer.body(200)).unwrap();
        }
        let app = self.app(Lambda::Poller);
        poller::Carried::default().once(app).await;
        poller::count(app, &self.new_store(Lambda::Poller), None).await.unwrap();
        poller::handle(app, None).await
    }

    /// Hands the relay records of the stream: what must come again.
    pub async fn relay(&self, app: &App, records: &[Value]) -> Vec<Option<String>> {
        let event = batch("shard-1", None, records, true);
        let response =
            ::relay::handle(app, &self.new_store(Lambda::Relay), self.settings.bus_events, event).await.unwrap();
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// One item of the tasks' table.
    pub async fn item(&self, pk: &str, sk: &str) -> Item {
        let get = self.dynamo.get_item().table_name(&self.tables.tasks).consistent_read(true);
        let get = get.key("pk", AttributeValue::S(pk.to_owned())).key("sk", AttributeValue::S(sk.to_owned()));
        get.send().await.unwrap().item.unwrap_or_else(|| panic!("no item {pk} {sk}"))
    }

    /// The rows that the table of the log has of a task of the tenant `default`, in order.
    pub async fn logged(&self, id: &str) -> Vec<Item> {
        let query = self.dynamo.query().table_name(&self.tables.log).key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(format!("default#{id}")));
        query.consistent_read(true).send().await.unwrap().items.unwrap_or_default()
    }

    /// Puts a row behind the functions' backs.
    pub async fn put_row(&self, row: Item) {
        self.dynamo.put_item().table_name(&self.tables.log).set_item(Some(row)).send().await.unwrap();
    }

    /// Removes a row, as if it had not been put yet.
    pub async fn unlog(&self, row: &Item) {
        let delete = self.dynamo.delete_item().table_name(&self.tables.log);
        delete.key("pk", row["pk"].clone()).key("seq", row["seq"].clone()).send().await.unwrap();
    }

    /// The outbox's records that somebody has to deliver.
    pub async fn owed(&self) -> Vec<Item> {
        let all =
            self.dynamo.scan().table_name(&self.tables.tasks).filter_expression("attribute_exists(w) AND sk = :r");
        let all = all.expression_attribute_values(":r", AttributeValue::S("r".to_owned())).send().await.unwrap();
        all.items.unwrap_or_default()
    }

    /// Has a queue hear everything on the bus from now on: its URL.
    pub async fn listen(&self) -> String {
        let name = format!("heard-{}", uuid::Uuid::new_v4().simple());
        let url = self.sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
        let rule =
            self.events.put_rule().name(&name).event_bus_name(&self.bus).event_pattern(r#"{"source": ["errand"]}"#);
        rule.send().await.unwrap();
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(arn).build().unwrap();
        self.events.put_targets().rule(&name).event_bus_name(&self.bus).targets(target).send().await.unwrap();
        url
    }

    /// What the queue at `url` has heard since it was last asked.
    pub async fn heard(&self, url: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            let receive = self.sqs.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(600);
            let messages = receive.send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return heard;
            }
            heard.extend(messages.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()));
        }
    }

    /// Up to ten messages, as a mapping receives them.
    pub async fn receive(&self, from: QueueName) -> Vec<Message> {
        let receive = self.sqs.receive_message().queue_url(&self.urls[&from]).max_number_of_messages(10);
        let receive = receive.message_attribute_names("All").visibility_timeout(600);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }

    /// What Lambda does with a queue's messages: hands a batch to the function, deletes what it does not want again.
    pub async fn deliver(&self, from: QueueName) -> Delivered {
        let messages = self.receive(from).await;
        self.deliver_these(from, messages).await
    }

    /// The same with messages in hand.
    pub async fn deliver_these(&self, from: QueueName, messages: Vec<Message>) -> Delivered {
        let event = sqs_event(&self.arn(from), &messages);
        let response: SqsBatchResponse = match from {
            QueueName::Intake => enqueue::intake(self.app(Lambda::Enqueue), event).await,
            _ => process_task::handle(self.app(Lambda::ProcessTask), event, None).await,
        };
        let again: Vec<String> = response.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
        let known = |id: &String| messages.iter().any(|message| message.message_id() == Some(id));
        assert!(again.iter().all(known), "Lambda would have the whole batch again: {again:?}");
        for message in messages.iter().filter(|message| !again.contains(&message.message_id().unwrap().to_owned())) {
            let delete = self.sqs.delete_message().queue_url(&self.urls[&from]);
            // MiniStack refuses a second delete, which SQS does not mind.
            let _ = delete.receipt_handle(message.receipt_handle().unwrap()).send().await;
        }
        Delivered { messages, again }
    }

    /// Makes a message in hand visible, as the end of its visibility timeout does.
    pub async fn let_go(&self, on: QueueName, message: &Message) {
        let change = self.sqs.change_message_visibility().queue_url(&self.urls[&on]).visibility_timeout(0);
        change.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }

    /// Sends a message with attributes, as another system does: its id.
    pub async fn send(&self, to: QueueName, body: &str, attributes: &[(&str, &str)]) -> String {
        let mut send = self.sqs.send_message().queue_url(&self.urls[&to]).message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(*value).build().unwrap();
            send = send.message_attributes(*name, value);
        }
        send.send().await.unwrap().message_id.unwrap()
    }

    /// How many messages a queue has.
    pub async fn depth(&self, of: QueueName) -> Depth {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let get = self.sqs.get_queue_attributes().queue_url(&self.urls[&of]).set_attribute_names(Some(names.to_vec()));
        let found = get.send().await.unwrap().attributes.unwrap_or_default();
        let [visible, hidden, delayed] = names.map(|name| found[&name].parse().unwrap());
        Depth { visible, hidden, delayed }
    }

    /// The ARN of a queue.
    pub fn arn(&self, of: QueueName) -> String {
        format!("arn:aws:sqs:us-east-1:000000000000:{}", self.urls[&of].rsplit('/').next().unwrap())
    }

    /// Now, as the functions see it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
