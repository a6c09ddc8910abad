//! What tokens cost, in whole numbers: sums of fractions would drift away from the bill.

use serde::Deserialize;

use crate::Usage;

/// What a profile's tokens cost; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    pub(super) tokens_in: Price,
    pub(super) tokens_out: Price,
}

/// The price of one token, in pico-USD. A price in USD for a million tokens is that number with six places less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Price {
    pico_usd: u64,
}

/// Of a price in USD for a million tokens: six decimal places are kept.
const PICO: f64 = 1e6;

/// The dearest price there may be, in USD for a million tokens. A slip of the pen would be caught by it.
const MOST: f64 = 1e6;

impl TryFrom<f64> for Price {
    type Error = String;
    fn try_from(usd_per_million: f64) -> Result<Self, String> {
        let pico_usd = (usd_per_million * PICO).round();
        // A whole number over a million is the number that was read, if that had six places.
        if (0.0..=MOST).contains(&usd_per_million) && pico_usd / PICO == usd_per_million {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole, and from 0 to 1e12
            return Ok(Self { pico_usd: pico_usd as u64 });
        }
        let form = "USD for a million tokens, from 0 to 1,000,000 with at most six decimal places";
        Err(format!("a price is {form}, not {usd_per_million}"))
    }
}

impl Prices {
    /// Prices in USD for a million tokens in and out.
    pub fn per_million(tokens_in: f64, tokens_out: f64) -> Option<Self> {
        Some(Self { tokens_in: tokens_in.try_into().ok()?, tokens_out: tokens_out.try_into().ok()? })
    }

    /// What so many tokens cost in nano-USD, a fraction counting as a whole. Unknown usage costs nothing where nothing
    /// costs anything, else it is `None`.
    pub fn cost_nano_usd(self, usage: Option<Usage>) -> Option<u64> {
        if self == Self::default() {
            return Some(0);
        }
        let usage = usage?;
        let pico = |tokens: u64, price: Price| u128::from(tokens) * u128::from(price.pico_usd);
        let sum = pico(usage.tokens_in, self.tokens_in).saturating_add(pico(usage.tokens_out, self.tokens_out));
        Some(u64::try_from(sum.div_ceil(1000)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use errand::spi::money::usd;

    fn prices(tokens_in: f64, tokens_out: f64) -> Prices {
        Prices::per_million(tokens_in, tokens_out).unwrap()
    }

    #[test]
    fn a_cost_is_exact_to_the_billionth_of_a_dollar() {
        let cost = |prices: Prices, tokens_in, tokens_out| {
            prices.cost_nano_usd(Some(Usage { tokens_in, tokens_out })).unwrap()
        };
        assert_eq!(cost(prices(0.15, 0.6), 1, 1), 750);
        assert_eq!(cost(prices(0.1, 0.2), 3, 0), 300); // 0.1 + 0.1 + 0.1 is not 0.3 in fractions of two
        assert_eq!(cost(prices(0.15, 0.6), 1_000_000, 1_000_000), 750_000_000);
        // 8.75 and 0.001 billionths: what is left over counts as a whole.
        assert_eq!(cost(prices(0.00875, 0.000_001), 1, 1), 9);
        assert_eq!(cost(prices(1e6, 1e6), u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(usd(750), 0.000_000_75);
    }

    #[test]
    fn unknown_usage_has_no_cost_unless_everything_is_free() {
        assert_eq!(prices(1.0, 0.0).cost_nano_usd(None), None);
        assert_eq!(prices(0.0, 0.0).cost_nano_usd(None), Some(0));
    }

    #[test]
    fn a_price_that_cannot_be_kept_exactly_is_refused() {
        for usd_per_million in [-0.1, f64::NAN, f64::INFINITY, 1_000_001.0, 0.123_456_7] {
            let error = Price::try_from(usd_per_million).unwrap_err();
            assert!(error.ends_with(&format!("six decimal places, not {usd_per_million}")), "{error}");
        }
        for (usd_per_million, pico_usd) in
            [(0.0, 0), (0.000_001, 1), (2.5, 2_500_000), (12_500.123_456, 12_500_123_456)]
        {
            assert_eq!(Price::try_from(usd_per_million), Ok(Price { pico_usd }));
        }
    }
}
