//! Who holds a budget: the one rule for it.
//!
//! A run works on its agent's budget, and on those of its user and of its tenant, where the installation limits these. Who
//! they are is derived from the run and its task and from nothing else: a request that leaves out a field can evade none of
//! them. It has a fresh agent instead of a named one, but the same user and tenant; and what is about no user is on one
//! budget with all else of its tenant that is about none, as if that were one user's.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::{BudgetVerdict, Budgets, Spending};
use errand::{Id, Name, Timestamp, spi::store::RecordKey};

/// Who holds a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HolderKind {
    /// The agent that works.
    Agent,
    /// The user that the task is about.
    User,
    /// The tenant that it belongs to.
    Tenant,
}

/// What an installation lets each tenant, and each user of a tenant, spend over all their runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct HolderLimits {
    /// Each tenant.
    pub tenant: Budgets,
    /// Each user of a tenant.
    pub user: Budgets,
}

/// One who holds a budget that a run works on.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetHolder {
    /// Who.
    pub kind: HolderKind,
    /// Where what it has spent is counted.
    pub counter: RecordKey,
    /// What it may spend.
    pub limits: Budgets,
}

impl BudgetHolder {
    /// How it stands to its limits at `at`, having spent so much.
    pub fn check(&self, spending: &Spending, at: Timestamp, zone: &TimeZone) -> BudgetVerdict {
        spending.check((self.kind, &self.limits), at, zone)
    }
}

impl HolderLimits {
    /// Who holds the budgets that a run of `tenant` works on: `agent`, with the limits that its request names, and whoever
    /// is limited here. What is not limited is not counted.
    pub fn holders(&self, tenant: &Name, (agent, asked): (&Id, Budgets), user: Option<&Id>) -> Vec<BudgetHolder> {
        let of = |kind: &'static str, id| RecordKey { tenant: tenant.clone(), kind: Name::of(kind), id };
        // Kinds of their own: an agent may be called what a user is.
        let of_user = match user {
            Some(user) => of("spending_of_user", user.clone()),
            None => of("spending_of_nobody", Id::of("nobody")),
        };
        let limited = [
            (HolderKind::User, of_user, self.user),
            (HolderKind::Tenant, of("spending_of_tenant", Id::of("tenant")), self.tenant),
        ];
        let limited = limited.into_iter().filter(|(_, _, limits)| *limits != Budgets::default());
        [(HolderKind::Agent, Spending::key(tenant, agent), asked)]
            .into_iter()
            .chain(limited)
            .map(|(kind, counter, limits)| BudgetHolder { kind, counter, limits })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use errand::spi::money::Usd;

    #[test]
    fn what_a_request_leaves_out_evades_no_holder() {
        let daily = |micros| Budgets { daily_usd: Some(Usd::from_micros(micros)), ..Budgets::default() };
        let limits = HolderLimits { tenant: daily(3), user: daily(2) };
        let tenant = Name::of("t");
        let (named, fresh, ada) = (Id::of("a"), Id::of("fresh"), Id::of("a"));
        let said = limits.holders(&tenant, (&named, daily(1)), Some(&ada));
        let kinds: Vec<HolderKind> = said.iter().map(|holder| holder.kind).collect();
        assert_eq!(kinds, [HolderKind::Agent, HolderKind::User, HolderKind::Tenant]);
        assert_eq!(said.iter().map(|holder| holder.limits).collect::<Vec<_>>(), [daily(1), daily(2), daily(3)]);
        assert!(said[0].counter != said[1].counter, "an agent and a user of one name");
        let without_agent = limits.holders(&tenant, (&fresh, Budgets::default()), Some(&ada));
        assert_eq!(without_agent[1..], said[1..]);
        let without_user = limits.holders(&tenant, (&fresh, Budgets::default()), None);
        assert_eq!((without_user[1].limits, &without_user[2]), (daily(2), &said[2]));
        assert_eq!(HolderLimits::default().holders(&tenant, (&named, daily(1)), Some(&ada)), said[..1]);
    }
}
