//! Time zones by name, read once, where they come in; then they are right.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::json::FormError;

/// An IANA time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

impl Zone {
    /// The rules by which the zone's clocks are set.
    pub fn rules(&self) -> &TimeZone {
        &self.0
    }
}

impl TryFrom<String> for Zone {
    type Error = FormError;
    fn try_from(text: String) -> Result<Self, FormError> {
        let zone = TimeZone::get(&text).map_err(|_| FormError("an IANA time zone such as Europe/Berlin"));
        zone.map(Self)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        // One that was read by its name has it.
        zone.0.iana_name().unwrap_or("UTC").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_written_as_it_was_read() {
        let zone: Zone = serde_json::from_str("\"Europe/Berlin\"").unwrap();
        assert_eq!(serde_json::to_string(&zone).unwrap(), "\"Europe/Berlin\"");
        assert!(serde_json::from_str::<Zone>("\"Mars\"").is_err());
    }
}
