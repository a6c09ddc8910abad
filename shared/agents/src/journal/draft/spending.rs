//! What a draft counts as spent, in the counters that were read with it.

use crate::{
    Reserved,
    budget::{OverBudget, Spending},
    journal::Draft,
};
use errand::{
    Timestamp,
    spi::{money::Usd, store::RecordKey},
};
use jiff::tz::TimeZone;

impl Draft {
    /// Counts what was paid `at` in the counter `key`, which was read as the `nth` of what was asked for besides. One that
    /// cannot be read is not written over: the next turn's check will stop there.
    pub(crate) fn spend(&mut self, (nth, key): (usize, RecordKey), cost: Usd, (at, zone): (Timestamp, &TimeZone)) {
        if let Ok(before) = self.spending(nth) {
            self.last.extend(before.spend(key, cost, at, zone));
        }
    }

    /// Reserves the most that a call may cost, likewise.
    pub(crate) fn reserve(&mut self, (nth, key): (usize, RecordKey), reserved: &Reserved, zone: &TimeZone) {
        if let Ok(before) = self.spending(nth) {
            self.last.extend(before.reserve(key, reserved.usd, reserved.at, zone));
        }
    }

    /// Puts what a call did cost in the place of what was reserved for it, likewise: what the counter has then.
    pub(crate) fn settle(
        &mut self,
        (nth, key): (usize, RecordKey),
        (reserved, cost): (&Reserved, Usd),
        zone: &TimeZone,
    ) -> Option<Spending> {
        let (before, change) = (self.spending(nth).ok()?, (reserved.usd, cost));
        self.last.extend(before.settle(key, change, reserved.at, zone));
        Some(before.with(change, reserved.at, zone))
    }

    /// The counter that was read as the `nth` of what was asked for besides.
    pub(crate) fn spending(&self, nth: usize) -> Result<Spending, OverBudget> {
        Spending::read(self.also.get(nth).and_then(Option::as_ref))
    }
}
