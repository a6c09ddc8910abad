//! What an installation decides about agents: a JSON object, every field of which may be absent.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::{budget::HolderLimits, supervisor::Thresholds};
use errand::{
    FieldError,
    spi::{clock::Zone, json::read::read_strict},
};

/// See the module.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct AgentRules {
    /// The IANA zone in which budgets have their days and months; absent: UTC.
    pub budget_zone: Option<Zone>,
    /// So many days after its last run a session may be cleaned up; 0: never.
    pub session_days: u32,
    /// What each tenant and each of its users may spend.
    pub budgets: HolderLimits,
    /// From where on a run is in trouble.
    pub supervisor: Thresholds,
}

impl Default for AgentRules {
    fn default() -> Self {
        Self {
            budget_zone: None,
            session_days: 30,
            budgets: HolderLimits::default(),
            supervisor: Thresholds::default(),
        }
    }
}

impl AgentRules {
    /// Reads them; what is wrong is named with its field.
    pub fn read(text: &str) -> Result<Self, FieldError> {
        read_strict(text)
    }

    /// The zone's rules.
    pub fn zone(&self) -> &TimeZone {
        static UTC: TimeZone = TimeZone::UTC;
        self.budget_zone.as_ref().map_or(&UTC, Zone::rules)
    }

    /// How long a session is kept after its last run; `None`: for ever.
    pub fn session_ttl(&self) -> Option<Duration> {
        (self.session_days > 0).then(|| Duration::from_secs(u64::from(self.session_days) * 24 * 3600))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_with_defaults_and_what_is_wrong_is_named() {
        let text = r#"{"budget_zone": "Europe/Berlin", "session_days": 0, "supervisor": {"same_tool": 5},
            "budgets": {"tenant": {"daily_usd": 50}, "user": {"hourly_usd": 1.5}}}"#;
        let rules = AgentRules::read(text).unwrap();
        assert_eq!((rules.session_ttl(), rules.zone().iana_name()), (None, Some("Europe/Berlin")));
        let limits =
            (rules.budgets.tenant.daily_usd.unwrap().micros(), rules.budgets.user.hourly_usd.unwrap().micros());
        assert_eq!(limits, (50_000_000, 1_500_000));
        assert_eq!((rules.supervisor.same_tool, rules.supervisor.tool_calls), (5, 6));
        assert_eq!(AgentRules::read("{}").unwrap().zone(), &TimeZone::UTC);
        for (text, field) in [(r#"{"budget_zone": "Mars"}"#, "budget_zone"), (r#"{"x": 1}"#, "x")] {
            assert_eq!(AgentRules::read(text).unwrap_err().field, field);
        }
    }
}
