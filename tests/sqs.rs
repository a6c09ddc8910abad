//! The queues on SQS, as MiniStack has them.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{Message, MessageSystemAttributeName},
};
use errand::{
    Name, Priority,
    spi::queue::{OutMessage, Queue, QueueError, QueueName},
};
use errand_aws::sqs::SqsQueue;
use integration_tests::ministack;

const ON: QueueName = QueueName::Work(Priority::High);

struct Setup {
    queue: SqsQueue,
    client: Client,
    urls: BTreeMap<QueueName, String>,
}

async fn setup() -> Setup {
    let endpoint = ministack::endpoint().unwrap_or_else(|error| panic!("{error}"));
    let client = Client::new(&ministack::config(endpoint));
    let urls = ministack::create_queues(&client).await.unwrap_or_else(|error| panic!("{error}"));
    Setup { queue: SqsQueue::new(client.clone(), urls.clone()), client, urls }
}

impl Setup {
    async fn receive(&self) -> Vec<Message> {
        let receive = self.client.receive_message().queue_url(&self.urls[&ON]).max_number_of_messages(10);
        let receive = receive.message_attribute_names("All");
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }
}

fn message(body: impl Into<String>) -> OutMessage {
    let group = Some(Name::new("acme").unwrap());
    OutMessage { body: body.into(), delay: Duration::ZERO, group, attributes: vec![] }
}

#[tokio::test]
async fn messages_arrive_with_their_group_and_attributes() {
    let setup = setup().await;
    let attributes = vec![("reason", "bad \u{0} byte".to_owned()), ("tenant", String::new())];
    let sent = setup.queue.send(ON, vec![OutMessage { attributes, ..message("hello") }]).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let received = setup.receive().await.remove(0);
    assert_eq!(received.body(), Some("hello"));
    // A standard queue takes a group: the tenant whose turn it is.
    assert_eq!(received.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId], "acme");
    let attributes = received.message_attributes().unwrap();
    assert_eq!(attributes["reason"].string_value(), Some("bad \u{fffd} byte"));
    assert!(!attributes.contains_key("tenant"));
}

#[tokio::test]
async fn every_message_of_many_batches_arrives_once_and_one_bad_one_fails_alone() {
    let setup = setup().await;
    let messages = (0..25).map(|n| message(if n == 12 { String::new() } else { n.to_string() })).collect();
    let sent = setup.queue.send(ON, messages).await;
    let failed: Vec<usize> = (0..25).filter(|n| sent[*n].is_err()).collect();
    assert_eq!(failed, [12]); // SQS takes no empty body
    let mut bodies = Vec::new();
    loop {
        let received = setup.receive().await;
        if received.is_empty() {
            break;
        }
        bodies.extend(received.into_iter().map(|message| message.body.unwrap().parse::<usize>().unwrap()));
    }
    bodies.sort_unstable();
    assert_eq!(bodies, (0..25).filter(|n| *n != 12).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_delayed_message_waits() {
    let setup = setup().await;
    let sent = setup.queue.send(ON, vec![OutMessage { delay: Duration::from_millis(899_001), ..message("x") }]).await;
    assert!(sent[0].is_ok());
    assert!(setup.receive().await.is_empty());
}

#[tokio::test]
async fn a_hidden_message_stays_hidden_and_a_stale_receipt_is_told() {
    let setup = setup().await;
    setup.queue.send(ON, vec![message("x")]).await;
    let receipt = setup.receive().await.remove(0).receipt_handle.unwrap();
    setup.queue.hide(ON, &receipt, Duration::ZERO).await.unwrap();
    let again = setup.receive().await.remove(0).receipt_handle.unwrap();
    setup.queue.hide(ON, &again, Duration::from_secs(60)).await.unwrap();
    assert!(setup.receive().await.is_empty());
    let delete = setup.client.delete_message().queue_url(&setup.urls[&ON]).receipt_handle(&again);
    delete.send().await.unwrap();
    assert!(matches!(setup.queue.hide(ON, &again, Duration::from_secs(60)).await, Err(QueueError::Stale)));
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_unavailable() {
    let setup = setup().await;
    setup.queue.check().await.unwrap();
    let mut urls = setup.urls.clone();
    urls.insert(ON, format!("{}-not-there", urls[&ON]));
    urls.remove(&QueueName::Intake);
    let nowhere = SqsQueue::new(setup.client.clone(), urls);
    // One of many is enough, and it is named.
    let error = nowhere.check().await.unwrap_err();
    assert!(matches!(&error, QueueError::Unavailable(source) if source.to_string() == "queue high"), "{error:?}");
    let sent = nowhere.send(ON, vec![message("a"), message("b")]).await;
    assert!(sent.len() == 2 && sent.iter().all(Result::is_err), "{sent:?}");
    let sent = nowhere.send(QueueName::Intake, vec![message("a")]).await;
    assert!(matches!(&sent[..], [Err(QueueError::Unavailable(e))] if e.to_string().contains("intake")), "{sent:?}");
}
