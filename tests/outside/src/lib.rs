//! Invoices, sent by tasks.

mod invoice;
mod mailer;

use errand::{Entity, Expect, Failure, Handler, Id, Outcome, Registry, TaskContext};
use serde::{Deserialize, Serialize};

pub use crate::{invoice::Invoice, mailer::Mailer};

/// Sends a customer an invoice, and keeps it.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(example = serde_json::json!({"customer": "ada", "cents": 1250}))]
pub struct SendInvoice {
    /// Who is to pay.
    pub customer: Id,
    /// How much.
    pub cents: u32,
}

impl Handler for SendInvoice {
    const TYPE: &'static str = "send_invoice";
    type State = Mailer;

    async fn handle(&self, task: &TaskContext<'_>, mailer: &Mailer) -> Result<Outcome, Failure> {
        mailer.send(&self.customer, self.cents, task.idempotency_key())?;
        let invoice = Invoice { customer: self.customer.clone(), cents: self.cents, paid: false };
        let effects = vec![invoice.put(&task.id("invoice"), task.now(), Expect::Absent)];
        Ok(Outcome::Complete { output: serde_json::json!({"invoice": task.id("invoice")}), effects })
    }
}

/// What every program of this package knows.
pub fn types(mailer: Mailer) -> Registry {
    Registry::new().add::<SendInvoice>(mailer).record::<Invoice>()
}
