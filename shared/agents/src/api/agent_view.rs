//! Runs and what belongs to them as the API answers them.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{Attention, BundleView, ExecutionUse, Run, RunEvent, RunStatus, Session, Terminal, budget::Standing};
use errand::{Entity, Id, Name, Stored, Timestamp};

/// A run: its fields, and how it ended. Its bundle is shown by counts and names.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunView<'r> {
    /// Which one.
    pub id: &'r Id,
    /// Whose.
    pub tenant: &'r Name,
    /// How it ended, if it has.
    pub terminal_status: Option<Terminal>,
    /// What it works with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_bundle: Option<BundleView>,
    /// The rest, without its bundle and what only the machinery reads.
    #[serde(flatten)]
    run: Run,
}

impl<'r> RunView<'r> {
    /// The view of a run of `tenant`.
    pub fn of(tenant: &'r Name, id: &'r Id, run: &Run) -> Self {
        let resource_bundle = run.resource_bundle.as_ref().map(|bundle| bundle.view());
        let terminal_status = run.status.terminal();
        let (reserved, execution) = (None, ExecutionUse::default());
        let run = Run { resource_bundle: None, reserved, execution, ..run.clone() };
        Self { id, tenant, terminal_status, resource_bundle, run }
    }
}

/// A run that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StartedRun<'r> {
    /// It.
    #[serde(flatten)]
    pub run: RunView<'r>,
    /// Whether it was there already.
    pub deduplicated: bool,
    /// What is said of the agent's budget, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<BudgetWarning>,
}

/// That an agent may soon spend nothing more, or may not now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BudgetWarning {
    /// In a sentence.
    pub message: String,
    /// How it stands to the limit that is near or reached, if that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Standing>,
}

// `L` is a `Listed`: of views where it is described, of their texts where it is written.
/// What follows `after_seq`, in order and without gaps.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{L}AfterSeq")]
pub struct AfterSeq<L> {
    /// Which run's.
    pub run_id: Id,
    /// The run's status when this was read: once it has ended and the cursor is `last_seq`, nothing more comes.
    pub run_status: RunStatus,
    /// The number of the newest there is.
    pub last_seq: u64,
    /// A page of them.
    #[serde(flatten)]
    pub list: L,
}

/// An event, and its id.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunEventView<'e> {
    /// Which one.
    pub id: &'e Id,
    /// What it tells.
    #[serde(flatten)]
    pub event: &'e RunEvent,
}

/// A session as a reader sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionView<'s> {
    /// Which one.
    pub id: &'s Id,
    /// Whose.
    pub tenant: &'s Name,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether something goes on in it.
    pub active: bool,
    /// Whether it has something that the reader has not seen; absent without a reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<bool>,
    /// How much it wants the reader's attention.
    pub attention: Attention,
    /// Its fields.
    #[serde(flatten)]
    session: Session,
}

impl<'s> SessionView<'s> {
    /// The view of a session of `tenant` to a reader who has seen the revision `mark` (0: nothing), or to none.
    pub fn of(tenant: &'s Name, stored: &'s Stored<Session>, mark: Option<u64>) -> Self {
        let session = &stored.value;
        let shown = Session { history: String::new(), recap_id: None, ..session.clone() };
        let attention = session.attention(mark);
        Self {
            id: &stored.id,
            tenant,
            created_at: stored.created_at,
            active: attention == Attention::Active,
            unread: mark.map(|_| session.is_unread(mark)),
            attention,
            session: shown,
        }
    }
}

/// Anything else: its id and version beside its fields.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{E}View")]
pub struct EntityView<'e, E> {
    /// Which one.
    pub id: &'e Id,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Uuid>,
    /// Its fields.
    #[serde(flatten)]
    pub fields: &'e E,
}

impl<'e, E: Entity> From<&'e Stored<E>> for EntityView<'e, E> {
    fn from(stored: &'e Stored<E>) -> Self {
        Self { id: &stored.id, version: Some(stored.version), fields: &stored.value }
    }
}
