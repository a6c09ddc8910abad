//! Budgets: what an agent, a user, a tenant may spend in an hour, a day, a month, and what they have spent.
//!
//! The counter is one record for each [holder](BudgetHolder), patched twice for each turn. Before it the most that it
//! may cost is added, on the version that the budgets were checked on: what goes on at the same time passes a limit by
//! less than the one turn that passes it. After it what it did cost takes that place, **in the commit that stores the
//! turn's step**: that step is put only if absent, so a commit made again, or by a worker that was given up on, counts
//! nothing; and adding commutes, so runs of one holder at the same time never lose a sum.
//!
//! Its fields are sums in millionths of a dollar: `min:<minutes since 1970>`, `day:2026-01-31`, `month:2026-01`. Days and
//! months are of the configured zone. What is too old to be asked for goes with the next patch, with a margin for clocks
//! that differ, so that it has at most some seventy fields; and the counter itself once nothing of it is asked for.

mod holder;
mod spending;

use std::time::Duration;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use holder::{BudgetHolder, HolderKind, HolderLimits};
pub use spending::Spending;

use errand::{FailureKind, Timestamp, spi::money::Usd};
use errand_models::{ChatRequest, Prices, Usage};

/// From how much of a limit on there is a warning, in percent.
pub const WARN_PERCENT: u64 = 80;

/// What somebody may spend; an absent limit is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Budgets {
    /// Within any 60 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly_usd: Option<Usd>,
    /// On one day of the configured zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_usd: Option<Usd>,
    /// In one month of the configured zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_usd: Option<Usd>,
}

/// How long a limit holds before it begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // see Budgets
#[schemars(rename = "Window")]
pub enum Period {
    Hourly,
    Daily,
    Monthly,
}

/// How a holder stands to one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Standing {
    /// Whose it is.
    pub holder: HolderKind,
    /// Which.
    pub window: Period,
    /// What was spent.
    pub spent_usd: Usd,
    /// What may be.
    pub limit_usd: Usd,
}

/// What budgets say to another turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetVerdict {
    /// Go on.
    Fine,
    /// Go on; [`WARN_PERCENT`] of a limit are reached.
    Warn(Standing),
    /// Not now: a limit is reached.
    Stop(Standing),
}

/// Why there is no turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// A limit is reached.
    #[error("{} is spent: {} of {}", .0.name(), .0.spent_usd, .0.limit_usd)]
    Exceeded(Standing),
    /// It cannot be told whether one is.
    #[error("the budget cannot be checked: {0}")]
    Unavailable(String),
}

impl OverBudget {
    /// The failure that the run ends with.
    pub fn kind(&self) -> FailureKind {
        match self {
            OverBudget::Exceeded(_) => FailureKind::BudgetExceeded,
            OverBudget::Unavailable(_) => FailureKind::BudgetUnavailable,
        }
    }
}

impl Standing {
    /// Whose budget of what window, as a message begins with it.
    pub fn name(&self) -> String {
        let whose = match self.holder {
            HolderKind::Agent => "the",
            HolderKind::User => "the user's",
            HolderKind::Tenant => "the tenant's",
        };
        format!("{whose} {} budget", self.window.as_str())
    }
}

/// Whether a turn may begin as far as `holder` is concerned, and a warning if a limit is near. `goal` is
/// `mission_cost_budget_usd`, whose use [`super::supervisor::assess`] watches. Fails closed: what has a limit must have
/// a price and a counter that can be read; what has none needs neither.
pub fn before_turn(
    holder: &BudgetHolder,
    goal: Option<Usd>,
    prices: Option<Prices>,
    spending: &Result<Spending, OverBudget>,
    at: Timestamp,
    zone: &TimeZone,
) -> Result<Option<Standing>, OverBudget> {
    if !is_limited(std::slice::from_ref(holder), goal) {
        return Ok(None);
    }
    if prices.is_none() {
        return Err(no_price());
    }
    match holder.check(spending.as_ref().map_err(Clone::clone)?, at, zone) {
        BudgetVerdict::Fine => Ok(None),
        BudgetVerdict::Warn(standing) => Ok(Some(standing)),
        BudgetVerdict::Stop(standing) => Err(OverBudget::Exceeded(standing)),
    }
}

/// Whether anything limits what may be spent: if not, nothing need be read to tell.
pub fn is_limited(holders: &[BudgetHolder], goal: Option<Usd>) -> bool {
    goal.is_some() || holders.iter().any(|holder| holder.limits != Budgets::default())
}

/// What a turn cost. An error if that cannot be told: its answer is kept, but no other turn follows where there is a limit,
/// and the counter takes it for [`most_of_turn`].
pub fn cost_of_turn(prices: Option<Prices>, usage: Option<Usage>) -> Result<Usd, OverBudget> {
    let unknown_usage = || OverBudget::Unavailable("the backend did not say how many tokens it used".into());
    prices.ok_or_else(no_price)?.cost_nano_usd(usage).map(Usd::from_nanos).ok_or_else(unknown_usage)
}

/// What the answer to `request` may cost: reserved before, and counted where its backend does not say what it used: a
/// token read for every byte, and as many written as were allowed. Nothing without prices.
pub fn most_of_turn(prices: Option<Prices>, request: &ChatRequest) -> Usd {
    let usage = Usage { tokens_in: request.bytes() as u64, tokens_out: request.max_tokens.into() };
    cost_of_turn(prices, Some(usage)).unwrap_or_default()
}

fn no_price() -> OverBudget {
    OverBudget::Unavailable("the profile has no prices".into())
}

impl Period {
    /// How long from `at` until something of it may be spent again: a day and a month begin anew, an hour lets go of
    /// what was spent minute by minute.
    pub fn relief(self, at: Timestamp, zone: &TimeZone) -> Duration {
        spending::relief(self, at, zone)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Hourly => "hourly",
            Period::Daily => "daily",
            Period::Monthly => "monthly",
        }
    }
}

#[cfg(test)]
mod tests;
