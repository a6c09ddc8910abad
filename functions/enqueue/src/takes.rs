//! What a function of `enqueue`'s code takes.

use std::str::FromStr;

/// See the module. An event of the API or of a queue says who asks, and whoever may invoke a
/// function writes its event: so there is one for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takes {
    /// Requests by direct invoke, and nothing else.
    #[default]
    Invokes,
    /// Events of the API and of the intake queue; then nobody else may be allowed to invoke it.
    Events,
}

impl FromStr for Takes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "invokes" => Ok(Self::Invokes),
            "events" => Ok(Self::Events),
            _ => Err("expected invokes or events"),
        }
    }
}
