//! Task types that a program of somebody's offers to agents: as the conformance suite names and describes its tools.

use std::time::Duration;

use errand::{Failure, FailureKind, Handler, Outcome, Registry, TaskContext};
use errand_mcp::Offer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Greets somebody at once.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Greet {
    /// Whom.
    name: String,
}

impl Handler for Greet {
    const TYPE: &'static str = "greet";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(json!(format!("Hello, {}!", self.name))))
    }
}

/// Computes for a while.
#[derive(Serialize, Deserialize, JsonSchema)]
struct SlowCompute {
    /// How long.
    seconds: u64,
    /// What it is called.
    #[serde(default)]
    label: String,
}

impl Handler for SlowCompute {
    const TYPE: &'static str = "slow_compute";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        tokio::time::sleep(Duration::from_secs(self.seconds)).await;
        Ok(Outcome::done(json!({"label": self.label})))
    }
}

/// Fails for good, after a while.
#[derive(Serialize, Deserialize, JsonSchema)]
struct FailingJob {}

impl Handler for FailingJob {
    const TYPE: &'static str = "failing_job";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        if task.redrive_note().is_some() {
            return Ok(Outcome::done(json!("mended")));
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        Err(Failure::permanent("the tool broke"))
    }
}

/// Fails as what lost its worker does, after a while.
#[derive(Serialize, Deserialize, JsonSchema)]
struct ProtocolErrorJob {}

impl Handler for ProtocolErrorJob {
    const TYPE: &'static str = "protocol_error_job";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        tokio::time::sleep(Duration::from_millis(400)).await;
        Err(Failure::said(FailureKind::WorkerLost, "its worker is gone").for_good())
    }
}

/// Asks before it deletes anything.
#[derive(Serialize, Deserialize, JsonSchema)]
struct ConfirmDelete {
    /// What.
    filename: String,
}

impl Handler for ConfirmDelete {
    const TYPE: &'static str = "confirm_delete";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(match task.redrive_note() {
            Some("again") => Outcome::Block("are you quite sure?".to_owned()),
            Some(note) => Outcome::done(json!({"deleted": self.filename, "note": note})),
            None => Outcome::Block(format!("may {} be deleted?", self.filename)),
        })
    }
}

/// Is nothing for agents.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Hidden {}

impl Handler for Hidden {
    const TYPE: &'static str = "hidden";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(json!("secret")))
    }
}

/// All of them; `hidden` alone is not offered.
pub(crate) fn types() -> Registry {
    Registry::new()
        .add::<Greet>(())
        .add::<SlowCompute>(())
        .add::<FailingJob>(())
        .add::<ProtocolErrorJob>(())
        .add::<ConfirmDelete>(())
        .add::<Hidden>(())
        .with(Offer(&["confirm_delete", "failing_job", "greet", "protocol_error_job", "slow_compute"]))
}
