//! How bad trouble is.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Severity {
    None,
    Low,
    Medium,
    High,
}

impl Severity {
    /// The name, as it is told.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::None => "none",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        }
    }
}
