//! In which order, and how many at a time, a webhook is offered what it is owed: pure.

use std::collections::{HashMap, VecDeque};

use crate::{clock::Timestamp, outbox::backlog::offered_from, store::Record};

/// Events of one subject, of which each is offered once its former was taken or refused.
pub(super) type Lane = VecDeque<Record>;

/// The lanes of some backlogs that nobody is busy with; their tenants take turns.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    tenants: Vec<VecDeque<Lane>>,
    turn: usize,
}

impl Lanes {
    /// What may be offered at `now` of what each tenant is owed: `waiting` in order, and `refused`.
    pub(super) fn of(tenants: Vec<(Vec<Record>, Vec<Record>)>, now: Timestamp) -> Self {
        let tenants = tenants.into_iter().map(|(waiting, refused)| lanes(waiting, refused, now)).collect();
        Self { tenants, turn: 0 }
    }

    /// The next lane of those that may have one, and its tenant's place: the tenant's after the one before, if that has any.
    pub(super) fn next(&mut self, may: impl Fn(usize) -> bool) -> Option<(usize, Lane)> {
        for _ in 0..self.tenants.len() {
            let tenant = self.turn;
            self.turn = (self.turn + 1) % self.tenants.len();
            if may(tenant)
                && let Some(lane) = self.tenants.get_mut(tenant).and_then(VecDeque::pop_front)
            {
                return Some((tenant, lane));
            }
        }
        None
    }

    /// Gives back what is left of a lane.
    pub(super) fn back(&mut self, tenant: usize, lane: Lane) {
        if let Some(lanes) = self.tenants.get_mut(tenant).filter(|_| !lane.is_empty()) {
            lanes.push_back(lane);
        }
    }
}

fn lanes(waiting: Vec<Record>, refused: Vec<Record>, now: Timestamp) -> VecDeque<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    // `None`: one of the subject has to wait, and so do those behind it.
    let mut of_subject: HashMap<String, Option<usize>> = HashMap::new();
    for event in waiting {
        let subject = event.doc.get("subject").map(ToString::to_string).unwrap_or_default();
        let lane = of_subject.entry(subject).or_insert_with(|| {
            lanes.push(Lane::new());
            Some(lanes.len() - 1)
        });
        if offered_from(&event) > now {
            *lane = None;
        }
        if let Some(lane) = lane.and_then(|lane| lanes.get_mut(lane)) {
            lane.push_back(event);
        }
    }
    // Those hold up no other.
    let refused = refused.into_iter().filter(|event| offered_from(event) <= now).map(|event| Lane::from([event]));
    lanes.into_iter().filter(|lane| !lane.is_empty()).chain(refused).collect()
}

/// How many posts may be under way: one at first, one more with each that is answered as it should be, half as many
/// with each that is not. At none the webhook does not work, and is not asked again in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width(usize);

impl Width {
    /// The most posts at a time.
    const MOST: usize = 32;

    /// Of a run that begins.
    pub(super) fn first() -> Self {
        Self(1)
    }

    /// Of a webhook that is asked no more.
    pub(super) fn none() -> Self {
        Self(0)
    }

    /// How many posts may be under way at a time.
    pub(super) fn posts(self) -> usize {
        self.0
    }

    /// After an answer.
    pub(super) fn after(self, works: bool) -> Self {
        match self.0 {
            // What was under way when it was given up does not open it again.
            0 => self,
            width if works => Self((width + 1).min(Self::MOST)),
            width => Self(width / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        ids::{Id, Name},
        outbox::backlog::Backlog,
        store::{Doc, RecordKey},
    };

    fn event(id: &str, subject: &str, sort: &str) -> Record {
        let key = RecordKey { tenant: Name::default(), kind: Name::of("event"), id: Id::new(id).unwrap() };
        let doc = Doc::from_iter([("subject".to_owned(), json!(subject))]);
        let waiting = Backlog::of_the_installation(&key.tenant).waiting(sort);
        Record { parent: Some(waiting), ..Record::new(key, doc, Timestamp::default()) }
    }

    fn ids(lane: &Lane) -> String {
        lane.iter().map(|event| event.key.id.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tenants_take_turns_and_a_subjects_events_stay_in_order() {
        let first = vec![event("a1", "a", "1"), event("b1", "b", "2"), event("a2", "a", "3")];
        let second = vec![event("c1", "c", "1")];
        let mut lanes = Lanes::of(vec![(first, vec![]), (second, vec![event("r", "c", "0")])], Timestamp::default());
        let taken: Vec<_> =
            std::iter::from_fn(|| lanes.next(|_| true)).map(|(tenant, lane)| (tenant, ids(&lane))).collect();
        let expected = [(0, "a1 a2"), (1, "c1"), (0, "b1"), (1, "r")];
        assert_eq!(taken, expected.map(|(tenant, ids)| (tenant, ids.to_owned())));
    }

    #[test]
    fn who_waits_holds_up_its_subject_alone() {
        let waits = vec![
            event("a1", "a", "1"),
            event("b1", "b", "2.000000000000500"),
            event("a2", "a", "3.000000000000500"),
            event("a3", "a", "4"),
            event("b2", "b", "5"),
        ];
        let open = |now| {
            let mut lanes = Lanes::of(vec![(waits.clone(), vec![])], Timestamp::from_millis(now));
            std::iter::from_fn(move || lanes.next(|_| true)).map(|(_, lane)| ids(&lane)).collect::<Vec<_>>()
        };
        assert_eq!(open(499), ["a1"]);
        assert_eq!(open(500), ["a1 a2 a3", "b1 b2"]);
    }

    #[test]
    fn a_webhook_that_does_not_work_is_asked_once_and_one_that_stumbles_is_asked_on() {
        let after = |answers: &[bool]| answers.iter().fold(Width::first(), |width, works| width.after(*works)).posts();
        assert_eq!(after(&[false]), 0);
        assert_eq!(after(&[false, true]), 0);
        assert_eq!(after(&[true; 100]), Width::MOST);
        assert_eq!(after(&[&[true; 100][..], &[false; 5]].concat()), 1);
        assert_eq!(after(&[&[true; 100][..], &[false; 6]].concat()), 0);
    }
}
