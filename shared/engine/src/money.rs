//! Money: whole millionths of a US dollar inside, a number of dollars on the wire, never a float that is added up.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount in US dollars, to the millionth, not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u64);

/// The largest amount: a billion dollars, which a float still holds to the millionth and an `i64` to spare.
const MAX_MICROS: u64 = 1_000_000_000_000_000;

impl Usd {
    /// No money at all.
    pub const ZERO: Usd = Usd(0);

    /// So many millionths of a dollar, at most a billion dollars.
    pub const fn from_micros(micros: u64) -> Self {
        Self(if micros < MAX_MICROS { micros } else { MAX_MICROS })
    }

    /// What a profile says that tokens cost, in billionths of a dollar; rounded up.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self::from_micros(nanos.div_ceil(1000))
    }

    /// Reads a number of dollars, rounded to the millionth; `None` for what is no amount (negative, infinite, too much).
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within the range just checked
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        // What is less than half a millionth below nothing is not nothing.
        (0.0..=MAX_MICROS as f64 / 1e6).contains(&dollars).then_some(Self((dollars * 1e6).round() as u64))
    }

    /// Billionths of a dollar.
    pub fn nanos(self) -> u64 {
        self.0.saturating_mul(1000)
    }

    /// Millionths of a dollar.
    pub fn micros(self) -> u64 {
        self.0
    }

    /// The amount as a patch adds it.
    pub fn as_addend(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// How much more this is than `other`, as a patch adds it; negative if it is less.
    pub fn more_than(self, other: Usd) -> i64 {
        self.as_addend() - other.as_addend()
    }

    /// With such an addend added: from nothing to a billion dollars.
    pub fn moved(self, by: i64) -> Usd {
        Usd::from_micros(self.0.saturating_add_signed(by))
    }

    /// The sum, at most a billion dollars.
    pub fn plus(self, other: Usd) -> Usd {
        Usd::from_micros(self.0.saturating_add(other.0))
    }

    /// Whether this is at least `percent` % of `whole`; anything is, of nothing.
    pub fn reaches(self, percent: u64, whole: Usd) -> bool {
        u128::from(self.0) * 100 >= u128::from(whole.0) * u128::from(percent)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} USD", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl Serialize for Usd {
    #[allow(clippy::cast_precision_loss)] // MAX_MICROS is below 2^53
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.0 as f64 / 1e6)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(d)?;
        Usd::from_dollars(dollars).ok_or_else(|| de::Error::custom("expected an amount in USD, from 0 to a billion"))
    }
}

/// Nano-USD in USD, for who reads it: the one place where an amount stops being a whole number.
#[allow(clippy::cast_precision_loss)] // exact up to 9 million USD
pub fn usd(nano_usd: u64) -> f64 {
    nano_usd as f64 / 1e9
}

impl JsonSchema for Usd {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0, "maximum": 1e9})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_travel_as_dollars_and_are_kept_to_the_millionth() {
        for (text, micros) in
            [("0", 0), ("0.1", 100_000), ("2.5", 2_500_000), ("0.000001", 1), ("0.0000004", 0), ("1e9", MAX_MICROS)]
        {
            let amount: Usd = serde_json::from_str(text).unwrap();
            assert_eq!(amount.micros(), micros, "{text}");
            let again: Usd = serde_json::from_str(&serde_json::to_string(&amount).unwrap()).unwrap();
            assert_eq!(again, amount);
        }
        for text in ["-0.01", "-0.0000001", "1e10", "\"5\"", "null"] {
            assert!(serde_json::from_str::<Usd>(text).is_err(), "{text}");
        }
        assert_eq!(Usd::from_dollars(f64::NAN), None);
    }

    #[test]
    fn every_amount_survives_the_wire() {
        proptest::proptest!(|(micros in 0..=MAX_MICROS)| {
            let amount = Usd::from_micros(micros);
            let again: Usd = serde_json::from_str(&serde_json::to_string(&amount).unwrap()).unwrap();
            assert_eq!(again, amount);
        });
    }

    #[test]
    fn a_thousand_tenths_are_a_hundred() {
        let sum = (0..1000).fold(Usd::ZERO, |sum, _| sum.plus(Usd::from_micros(100_000)));
        assert_eq!(sum, Usd::from_dollars(100.0).unwrap());
        assert_eq!(Usd::from_micros(u64::MAX).plus(Usd::from_micros(u64::MAX)).micros(), MAX_MICROS);
    }

    #[test]
    fn an_amount_takes_the_place_of_another() {
        let (two, five) = (Usd::from_micros(2), Usd::from_micros(5));
        for (before, after) in [(two, five), (five, two), (two, two), (Usd::ZERO, five), (five, Usd::ZERO)] {
            assert_eq!(before.moved(after.more_than(before)), after);
        }
        assert_eq!(two.moved(-3), Usd::ZERO);
        assert_eq!(Usd::from_micros(MAX_MICROS).moved(1).micros(), MAX_MICROS);
    }

    #[test]
    fn a_fraction_of_a_millionth_counts_as_a_whole() {
        for (nanos, micros) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (u64::MAX, MAX_MICROS)] {
            assert_eq!(Usd::from_nanos(nanos).micros(), micros, "{nanos}");
        }
    }

    #[test]
    fn a_part_of_the_whole_is_reached_at_its_bound() {
        let (eight, whole) = (Usd::from_micros(8), Usd::from_micros(10));
        assert!(eight.reaches(80, whole));
        assert!(!Usd::from_micros(7).reaches(80, whole));
        assert!(Usd::ZERO.reaches(100, Usd::ZERO), "nothing may be spent of nothing");
    }
}
