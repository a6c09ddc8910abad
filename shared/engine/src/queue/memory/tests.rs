//! Delay, visibility, receipts and fairness, by a clock that stands still.

use std::collections::HashMap;

use futures::poll;

use super::*;
use crate::{clock::ManualClock, ids::Name};

const ON: QueueName = QueueName::Long;
const VISIBILITY: Duration = Duration::from_secs(30);

fn setup() -> (Arc<ManualClock>, MemoryQueue) {
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    (clock.clone(), MemoryQueue::new(clock))
}

async fn send(queue: &MemoryQueue, body: &str, delay_s: u64) {
    let delay = Duration::from_secs(delay_s);
    let message = OutMessage { body: body.into(), delay, group: None, attributes: vec![] };
    assert!(queue.send(ON, vec![message]).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_delayed_message_is_not_visible_before_its_time() {
    let (clock, queue) = setup();
    send(&queue, "later", 10).await;
    clock.advance(Duration::from_secs(9));
    assert!(queue.receive(ON, 10, VISIBILITY).is_empty());
    clock.advance(Duration::from_secs(1));
    assert_eq!(queue.receive(ON, 10, VISIBILITY).len(), 1);
}

#[tokio::test]
async fn what_is_not_deleted_comes_again_with_a_new_receipt() {
    let (clock, queue) = setup();
    send(&queue, "a", 0).await;
    let first = queue.receive(ON, 1, VISIBILITY).remove(0);
    assert!(queue.receive(ON, 1, VISIBILITY).is_empty());
    clock.advance(VISIBILITY);
    let again = queue.receive(ON, 1, VISIBILITY).remove(0);
    assert_eq!((again.id, again.receives), (first.id, 2));
    queue.delete(ON, &first.receipt); // stale: no effect
    assert_eq!(queue.depth(ON), 1);
    queue.delete(ON, &again.receipt);
    assert_eq!(queue.depth(ON), 0);
}

#[tokio::test]
async fn hiding_moves_the_next_delivery_and_a_stale_receipt_cannot() {
    let (clock, queue) = setup();
    send(&queue, "a", 0).await;
    let first = queue.receive(ON, 1, VISIBILITY).remove(0);
    queue.hide(ON, &first.receipt, Duration::from_secs(300)).await.unwrap();
    clock.advance(Duration::from_secs(299));
    assert!(queue.receive(ON, 1, VISIBILITY).is_empty());
    clock.advance(Duration::from_secs(1));
    assert_eq!(queue.receive(ON, 1, VISIBILITY).len(), 1);
    assert!(matches!(queue.hide(ON, &first.receipt, VISIBILITY).await, Err(QueueError::Stale)));
}

#[tokio::test]
async fn a_message_that_keeps_coming_back_ends_in_the_dead_letter_queue() {
    let (clock, queue) = setup();
    send(&queue, "unreadable", 0).await;
    for _ in 0..MAX_RECEIVES {
        assert_eq!(queue.receive(ON, 1, VISIBILITY).len(), 1);
        clock.advance(VISIBILITY);
    }
    assert!(queue.receive(ON, 1, VISIBILITY).is_empty());
    assert_eq!((queue.depth(ON), queue.depth(QueueName::DeadLetter)), (0, 1));
}

fn of_tenant(tenant: &str, delay: Duration) -> OutMessage {
    OutMessage { body: tenant.to_owned(), delay, group: Name::new(tenant).ok(), attributes: vec![] }
}

async fn send_of(queue: &MemoryQueue, tenant: &str, count: usize) {
    queue.send(ON, vec![of_tenant(tenant, Duration::ZERO); count]).await;
}

fn count_of(received: &[Received], tenant: &str) -> usize {
    received.iter().filter(|message| message.body == tenant).count()
}

#[tokio::test]
async fn behind_a_hundred_thousand_of_another_tenant_a_message_is_in_the_next_batch() {
    let (_, queue) = setup();
    send_of(&queue, "loud", 100_000).await;
    assert_eq!(queue.receive(ON, 900, VISIBILITY).len(), 900);
    send_of(&queue, "quiet", 3).await;
    assert_eq!(count_of(&queue.receive(ON, 10, VISIBILITY), "quiet"), 3);
    // Nothing is lost by it, and nobody else is there.
    assert_eq!(count_of(&queue.receive(ON, usize::MAX, VISIBILITY), "loud"), 100_000 - 900 - 7);
}

#[tokio::test]
async fn of_thousands_of_tenants_each_has_one_in_hand_before_any_has_two() {
    let (clock, queue) = setup();
    let tenants: Vec<String> = (0..2000).map(|n| format!("t{n}")).collect();
    for tenant in &tenants {
        send_of(&queue, tenant, 2).await;
        clock.advance(Duration::from_millis(1));
    }
    for _ in 0..2 {
        let order: Vec<String> = queue.receive(ON, 2000, VISIBILITY).into_iter().map(|message| message.body).collect();
        assert_eq!(order, tenants, "the oldest first");
    }
}

#[tokio::test]
async fn a_tenant_has_nothing_in_hand_once_it_is_deleted_hidden_or_visible_again() {
    for way in ["delete", "hide", "wait"] {
        let (clock, queue) = setup();
        send_of(&queue, "a", 3).await;
        let idle = || queue.receive_of(Tenants::Idle, ON, 9, VISIBILITY);
        let first = idle();
        assert_eq!((first.len(), idle().len()), (1, 0), "the first was in hand then");
        let mut waiting = std::pin::pin!(queue.ready(Tenants::Idle, &[ON]));
        assert!(poll!(waiting.as_mut()).is_pending());
        match way {
            "delete" => queue.delete(ON, &first[0].receipt),
            "hide" => queue.hide(ON, &first[0].receipt, VISIBILITY).await.unwrap(),
            _ => clock.advance(VISIBILITY),
        }
        assert!(poll!(waiting).is_ready(), "{way}: nobody was told");
        assert_eq!(idle().len(), 1, "{way}");
    }
}

/// A message as the model of a queue knows it.
#[derive(Clone)]
struct Known {
    number: u64,
    tenant: String,
    visible_at: Timestamp,
    receipt: String,
    is_in_hand: bool,
}

/// The next message of `whose`, as simply as it can be said.
fn next(known: &mut [Known], whose: Tenants, now: Timestamp) -> Option<&mut Known> {
    known.iter_mut().filter(|message| message.visible_at <= now).for_each(|message| message.is_in_hand = false);
    let mut in_hand: HashMap<String, usize> = HashMap::new();
    known.iter().filter(|m| m.is_in_hand).for_each(|m| *in_hand.entry(m.tenant.clone()).or_default() += 1);
    let of = |message: &Known| in_hand.get(&message.tenant).copied().unwrap_or(0);
    let visible = known.iter_mut().filter(|message| message.visible_at <= now);
    let allowed = visible.filter(|message| whose == Tenants::All || of(message) == 0);
    allowed.min_by_key(|message| (of(message), message.visible_at, message.number))
}

#[tokio::test]
async fn whatever_happens_the_next_message_is_the_oldest_of_who_has_fewest_in_hand() {
    let mut random = fastrand::Rng::with_seed(7);
    let (clock, queue) = setup();
    let mut known: Vec<Known> = Vec::new();
    let mut sent = 0;
    for _ in 0..4_000 {
        let now = clock.now();
        let some = random.usize(..known.len().max(1));
        let may_have_a_receipt = known.get(some).is_some_and(|message| message.visible_at > now);
        match random.u8(..10) {
            0..3 => {
                let (tenant, delay) = (format!("t{}", random.u8(..4)), Duration::from_secs(random.u64(..3)));
                queue.send(ON, vec![of_tenant(&tenant, delay)]).await;
                sent += 1;
                let (visible_at, receipt) = (now + delay, String::new());
                known.push(Known { number: sent, tenant, visible_at, receipt, is_in_hand: false });
            }
            3..7 => {
                let whose = if random.bool() { Tenants::All } else { Tenants::Idle };
                let received = queue.receive_of(whose, ON, 1, VISIBILITY).pop();
                let next = next(&mut known, whose, now);
                assert_eq!(received.as_ref().map(|m| &m.id), next.as_ref().map(|m| format!("m-{}", m.number)).as_ref());
                if let (Some(received), Some(next)) = (received, next) {
                    (next.visible_at, next.receipt, next.is_in_hand) = (now + VISIBILITY, received.receipt, true);
                }
            }
            7 if may_have_a_receipt => {
                let (message, wait) = (&mut known[some], Duration::from_secs(random.u64(1..5)));
                let hidden = queue.hide(ON, &message.receipt, wait).await.is_ok();
                assert_eq!(hidden, !message.receipt.is_empty());
                if hidden {
                    (message.visible_at, message.is_in_hand) = (now + wait, false);
                }
            }
            8 if may_have_a_receipt => {
                queue.delete(ON, &known[some].receipt);
                if !known[some].receipt.is_empty() {
                    known.remove(some);
                }
            }
            _ => clock.advance(Duration::from_secs(random.u64(..4))),
        }
        assert_eq!(queue.depth(ON), known.len());
    }
    assert!(sent > 500);
}
