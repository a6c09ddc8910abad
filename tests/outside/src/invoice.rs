//! A kind of records: invoices.

use errand::{Entity, Id, Relations, owner};
use serde::{Deserialize, Serialize};

/// An invoice that was sent.
#[derive(Serialize, Deserialize)]
pub struct Invoice {
    /// Who is to pay; `GET /v1/records/invoice?owner=` lists theirs.
    pub customer: Id,
    /// How much.
    pub cents: u32,
    /// Whether it was paid.
    #[serde(default)]
    pub paid: bool,
}

impl Entity for Invoice {
    const KIND: &'static str = "invoice";

    fn relations(&self, place: &str) -> Relations {
        owner(&self.customer, place)
    }
}
