//! The messages of one queue, in an order that is fair between tenants, as SQS's fair queues are: a tenant that has few
//! messages in hand comes before one that has many, whatever backlog that has.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::{
    clock::Timestamp,
    ids::Name,
    queue::{
        OutMessage,
        memory::{MAX_RECEIVES, Received},
    },
};

/// Whose messages are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// Everybody's.
    All,
    /// Those of tenants that have no message in hand.
    Idle,
}

/// When a message is, or became, visible, and its number.
type Place = (Timestamp, u64);

/// See the module. A message is *in hand* from its receipt until it is deleted, hidden, or visible again: as long as a
/// worker is about it.
#[derive(Default)]
pub(super) struct Messages {
    /// Those that are not visible yet: delayed, hidden, in hand.
    later: BTreeMap<Place, Message>,
    /// The visible ones, by the group they were sent with.
    groups: HashMap<Option<Name>, Group>,
    /// The groups that have a visible message: first who has the fewest in hand, then whose message is the oldest.
    turns: BTreeMap<Turn, Option<Name>>,
    /// Where the message is that was received with this receipt.
    receipts: HashMap<String, Place>,
    newest: u64,
}

/// How many messages a group has in hand, and its oldest visible one.
type Turn = (usize, Place);

#[derive(Default)]
struct Group {
    visible: BTreeMap<Place, Message>,
    in_hand: usize,
}

struct Message {
    body: String,
    attributes: Vec<(&'static str, String)>,
    group: Option<Name>,
    receives: u32,
    is_in_hand: bool,
}

impl Group {
    fn turn(&self) -> Option<Turn> {
        self.visible.first_key_value().map(|(place, _)| (self.in_hand, *place))
    }
}

impl Messages {
    pub(super) fn len(&self) -> usize {
        self.later.len() + self.groups.values().map(|group| group.visible.len()).sum::<usize>()
    }

    /// Takes in a message that was sent at `now`.
    pub(super) fn put(&mut self, sent: OutMessage, now: Timestamp) {
        let OutMessage { body, delay, group, attributes } = sent;
        self.newest += 1;
        let message = Message { body, attributes, group, receives: 0, is_in_hand: false };
        let place = (now + delay, self.newest);
        if delay.is_zero() {
            self.show(place, message);
        } else {
            self.later.insert(place, message);
        }
    }

    /// Shows every message whose time has come by `now`. Answers with those that were received too often: they are no
    /// longer here.
    pub(super) fn show_due(&mut self, now: Timestamp) -> Vec<OutMessage> {
        let mut dead = Vec::new();
        while let Some(first) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let (place, mut message) = first.remove_entry();
            self.receipts.remove(&receipt(place.1, message.receives));
            self.let_go(&mut message);
            if message.receives < MAX_RECEIVES {
                self.show(place, message);
            } else {
                let Message { body, attributes, group, .. } = message;
                dead.push(OutMessage { body, attributes, group, delay: Duration::ZERO });
            }
        }
        dead
    }

    /// The next visible message of `whose`, in hand until `until`.
    pub(super) fn receive(&mut self, whose: Tenants, until: Timestamp) -> Option<Received> {
        let (&(in_hand, _), group) = self.turns.first_key_value()?;
        if whose == Tenants::Idle && in_hand > 0 {
            return None;
        }
        let group = group.clone();
        let ((_, number), mut message) = self.change(&group, |group| {
            group.in_hand += 1;
            group.visible.pop_first()
        })?;
        message.is_in_hand = true;
        message.receives += 1;
        let received = Received {
            id: format!("m-{number}"),
            receipt: receipt(number, message.receives),
            body: message.body.clone(),
            attributes: message.attributes.clone(),
            receives: message.receives,
        };
        self.receipts.insert(received.receipt.clone(), (until, number));
        self.later.insert((until, number), message);
        Some(received)
    }

    /// Hides a received message until `until`. Whether the receipt holds it still.
    pub(super) fn hide(&mut self, receipt: &str, until: Timestamp) -> bool {
        let Some(place) = self.receipts.get_mut(receipt) else { return false };
        let hidden = self.later.remove(place);
        place.0 = until;
        let place = *place;
        hidden.is_some_and(|mut message| {
            self.let_go(&mut message);
            self.later.insert(place, message).is_none()
        })
    }

    /// Deletes a received message. Whether its tenant has no other in hand now, but visible ones.
    pub(super) fn delete(&mut self, receipt: &str) -> bool {
        let message = self.receipts.remove(receipt).and_then(|place| self.later.remove(&place));
        message.is_some_and(|mut message| self.let_go(&mut message))
    }

    /// When the next message of `whose` is, or becomes, visible; or may: one that a busy tenant waits for counts too.
    pub(super) fn next_visible(&self, whose: Tenants) -> Option<Timestamp> {
        let turn = self.turns.first_key_value().map(|(turn, _)| turn);
        let turn = turn.filter(|(in_hand, _)| whose == Tenants::All || *in_hand == 0);
        let later = self.later.first_key_value().map(|(place, _)| place.0);
        turn.map(|(_, place)| place.0).into_iter().chain(later).min()
    }

    fn show(&mut self, place: Place, message: Message) {
        self.change(&message.group.clone(), |group| group.visible.insert(place, message));
    }

    /// No worker is about it any more. Whether its tenant has no other in hand now, but visible ones.
    fn let_go(&mut self, message: &mut Message) -> bool {
        let was_in_hand = std::mem::take(&mut message.is_in_hand);
        was_in_hand
            && self.change(&message.group, |group| {
                group.in_hand -= 1;
                group.in_hand == 0 && !group.visible.is_empty()
            })
    }

    /// The one way to change a group: its turn changes with it, and one that has nothing is forgotten.
    fn change<T>(&mut self, name: &Option<Name>, change: impl FnOnce(&mut Group) -> T) -> T {
        let group = self.groups.entry(name.clone()).or_default();
        let before = group.turn();
        let changed = change(group);
        let after = group.turn();
        let is_empty = group.in_hand == 0 && group.visible.is_empty();
        if before != after {
            before.map(|turn| self.turns.remove(&turn));
            after.map(|turn| self.turns.insert(turn, name.clone()));
        }
        if is_empty {
            self.groups.remove(name);
        }
        changed
    }
}

/// What a message is deleted or hidden with: another one at each receipt.
fn receipt(number: u64, receives: u32) -> String {
    format!("m-{number}-{receives}")
}
