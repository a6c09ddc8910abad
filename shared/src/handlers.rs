//! The task types: what each is given, how it is run, and the closed list of them all.

mod catalog;
mod cleanup_session;
mod community_request_available;
mod community_response_available;
mod context;
mod create_conversation_summary;
mod deliver_solution_findings;
mod failure;
mod intro_followup_check;
mod notify_expert_of_impact;
mod notify_user_of_priorities;
mod priorities;
mod process_community_request;
mod process_community_response;
mod quiet;
mod rating;
mod re_engagement_check;
mod research_solution;
mod run_agent;
mod run_outside;
mod schedule_followup;
mod scoring;
mod scripted;
mod send_introduction;
mod solution_workflow_timeout;
mod talk;
mod update_user_profile;
mod verify_linkedin_connection;
mod verify_user;
#[cfg(test)]
mod world;

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use catalog::is_slow;
pub use catalog::{TaskType, task_types};
pub use context::TaskContext;
pub use failure::Failure;
pub(crate) use failure::Retry;
pub use run_agent::RunAgent;

use crate::{
    agent::Session,
    config,
    domain::SCRIPTED,
    effects::Effect,
    ids::Name,
    json::{
        Json,
        read::{FieldError, not_a_list, read_lenient, read_strict},
    },
    lifecycle::{
        Task,
        retry::{MAX_SNOOZES, RetryPolicy},
    },
    store::StoreError,
};

/// What a type decides about its tasks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Seconds one execution may take, if the request names none.
    pub timeout_s: u32,
    /// Whether an execution usually takes longer than some five seconds, as one that asks a model does. Such tasks ride
    /// apart ([`QueueName::of`]), whatever their payload: those that share a batch end together.
    ///
    /// [`QueueName::of`]: crate::queue::QueueName::of
    pub is_slow: bool,
    /// How it waits between its tries.
    pub retry: RetryPolicy,
    /// How often it may snooze in a drive.
    pub max_snoozes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { timeout_s: Task::TIMEOUT_S, is_slow: false, retry: RetryPolicy::default(), max_snoozes: MAX_SNOOZES }
    }
}

impl Settings {
    /// Of a type that waits for a model.
    fn asking_a_model() -> Self {
        Self { timeout_s: 60, is_slow: true, ..Self::default() }
    }
}

/// What a handler decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done: the output, and what is to be committed with it.
    Complete {
        /// What the task answers with; at most 256 KiB.
        output: Value,
        /// What else changes, in the same commit.
        effects: Vec<Effect>,
    },
    /// Nothing went wrong; again after this.
    Snooze(Duration),
    /// Not to be done after all, because.
    Cancel(String),
    /// Needs something from a person: what.
    Block(String),
}

impl Outcome {
    /// A completion that changes nothing: `{skipped: true, reason}`.
    pub fn skipped(reason: impl Into<String>) -> Self {
        let reason: String = reason.into();
        Outcome::Complete { output: json!({"skipped": true, "reason": reason}), effects: Vec::new() }
    }
}

/// One task type: the struct is the payload.
#[async_trait]
pub trait TaskHandler: Send + Sync {
    /// What the type decides about its tasks.
    fn settings(&self) -> Settings {
        Settings::default()
    }

    /// Runs the task once. Reads through `task` and returns what is to be written; see [`Failure`] for errors.
    async fn handle(&self, task: &TaskContext<'_>) -> Result<Outcome, Failure>;

    /// What else ends with the task when it becomes `ended`, whoever ends it: an outcome of `handle`, its last failure,
    /// the poller's last reap, an operator's cancel, an expiry. Committed with the end. Of what has changed meanwhile it
    /// is asked again, unless the effect is one to skip; if it cannot be told, the task does not end yet.
    async fn ended(&self, _task: &TaskContext<'_>, _ended: &Task) -> Result<Vec<Effect>, StoreError> {
        Ok(Vec::new())
    }

    /// What else changes when the task waits, again or still, as `waiting`; committed and asked again as with `ended`.
    /// Asked of tasks for runners alone ([`Task::is_for_runners`]): of any other a worker is told, who can do it then.
    async fn waits(&self, _task: &TaskContext<'_>, _waiting: &Task) -> Result<Vec<Effect>, StoreError> {
        Ok(Vec::new())
    }
}

/// Every task type with its payload. To add one: its file, its `mod` line, a variant here, an arm below.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // each type says what it is, at its payload
pub enum TaskInput {
    CleanupSession(cleanup_session::CleanupSession),
    CommunityRequestAvailable(community_request_available::CommunityRequestAvailable),
    CommunityResponseAvailable(community_response_available::CommunityResponseAvailable),
    CreateConversationSummary(create_conversation_summary::CreateConversationSummary),
    DeliverSolutionFindings(deliver_solution_findings::DeliverSolutionFindings),
    IntroFollowupCheck(intro_followup_check::IntroFollowupCheck),
    NotifyExpertOfImpact(notify_expert_of_impact::NotifyExpertOfImpact),
    NotifyUserOfPriorities(notify_user_of_priorities::NotifyUserOfPriorities),
    ProcessCommunityRequest(process_community_request::ProcessCommunityRequest),
    ProcessCommunityResponse(process_community_response::ProcessCommunityResponse),
    ReEngagementCheck(re_engagement_check::ReEngagementCheck),
    ResearchSolution(research_solution::ResearchSolution),
    RunAgent(run_agent::RunAgent),
    RunOutside(run_outside::RunOutside),
    ScheduleFollowup(schedule_followup::ScheduleFollowup),
    Scripted(scripted::Scripted),
    SendIntroduction(send_introduction::SendIntroduction),
    SolutionWorkflowTimeout(solution_workflow_timeout::SolutionWorkflowTimeout),
    UpdateUserProfile(update_user_profile::UpdateUserProfile),
    VerifyLinkedinConnection(verify_linkedin_connection::VerifyLinkedinConnection),
    VerifyUser(verify_user::VerifyUser),
}

/// Why a task type and payload are no [`TaskInput`].
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// No handler has this name.
    #[error("unknown task type `{0}`; known are {known}", known = TaskInput::known().join(", "))]
    UnknownType(Name),
    /// It is of a type for tests, which this installation does not take.
    #[error(
        "tasks of the type `{0}` are for tests, and are off; --scripted switches them on (on AWS the parameter ScriptedTasks)"
    )]
    Off(Name),
    /// The payload does not fit the type.
    #[error("{}: {}", .0.field, .0.message)]
    Payload(FieldError),
}

impl TaskInput {
    /// The handler of this input.
    pub fn handler(&self) -> &dyn TaskHandler {
        match self {
            TaskInput::CleanupSession(handler) => handler,
            TaskInput::CommunityRequestAvailable(handler) => handler,
            TaskInput::CommunityResponseAvailable(handler) => handler,
            TaskInput::CreateConversationSummary(handler) => handler,
            TaskInput::DeliverSolutionFindings(handler) => handler,
            TaskInput::IntroFollowupCheck(handler) => handler,
            TaskInput::NotifyExpertOfImpact(handler) => handler,
            TaskInput::NotifyUserOfPriorities(handler) => handler,
            TaskInput::ProcessCommunityRequest(handler) => handler,
            TaskInput::ProcessCommunityResponse(handler) => handler,
            TaskInput::ReEngagementCheck(handler) => handler,
            TaskInput::ResearchSolution(handler) => handler,
            TaskInput::RunAgent(handler) => handler,
            TaskInput::RunOutside(handler) => handler,
            TaskInput::ScheduleFollowup(handler) => handler,
            TaskInput::Scripted(handler) => handler,
            TaskInput::SendIntroduction(handler) => handler,
            TaskInput::SolutionWorkflowTimeout(handler) => handler,
            TaskInput::UpdateUserProfile(handler) => handler,
            TaskInput::VerifyLinkedinConnection(handler) => handler,
            TaskInput::VerifyUser(handler) => handler,
        }
    }

    /// Where an agent run of the task `id` with this input can be followed, once it has begun.
    pub fn session_path(&self, id: Uuid) -> Option<String> {
        let named = match self {
            TaskInput::RunAgent(run) => &run.session_id,
            TaskInput::RunOutside(run) => &run.session_id,
            _ => return None,
        };
        Some(Session::path(named.as_ref().unwrap_or(&id.into())))
    }

    /// The type's name and the payload, as a task carries them.
    pub fn parts(&self) -> Result<(Name, Json), serde_json::Error> {
        let tagged = serde_json::to_value(self)?;
        let part = tagged.as_object().and_then(|tagged| tagged.iter().next());
        let part = part.and_then(|(name, payload)| Some((Name::new(name).ok()?, Json::new(payload))));
        part.ok_or_else(|| serde::ser::Error::custom("a task type is no name")) // not reached: a test makes each
    }

    /// Reads what `task` is to do, if an installation of these `settings` does that.
    pub fn of(task: &Task, settings: &config::Settings) -> Result<Self, InputError> {
        Self::stored(&task.task_type, &task.payload)?.if_on(settings)
    }

    /// The same, unless its type is switched off.
    pub fn if_on(self, settings: &config::Settings) -> Result<Self, InputError> {
        match self {
            TaskInput::Scripted(_) if !settings.scripted => Err(InputError::Off(Name::of(SCRIPTED))),
            input => Ok(input),
        }
    }

    /// Reads a new request's payload: unknown fields are refused.
    pub fn accept(task_type: &Name, payload: &Json) -> Result<Self, InputError> {
        not_a_list(payload.as_str()).map_err(|error| InputError::Payload(error.within("payload")))?;
        read(task_type, payload, read_strict)
    }

    /// Reads a stored payload, maybe of another version: unknown fields are passed over.
    pub fn stored(task_type: &Name, payload: &Json) -> Result<Self, InputError> {
        read(task_type, payload, read_lenient)
    }

    /// The names of all types, in the order of the alphabet.
    pub fn known() -> Vec<String> {
        // serde lists the variants where it refuses a name that is none of them.
        let refused = serde_json::from_str::<TaskInput>(r#"{"":0}"#).err().map(|e| e.to_string()).unwrap_or_default();
        let mut names: Vec<String> = refused.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        names.sort();
        names
    }
}

/// The agent that speaks with a user who has none of their own.
fn concierge() -> Name {
    Name::of("concierge")
}

fn read(
    task_type: &Name,
    payload: &Json,
    read: impl Fn(&str) -> Result<TaskInput, FieldError>,
) -> Result<TaskInput, InputError> {
    let tagged = format!(r#"{{"{task_type}":{}}}"#, payload.as_str());
    read(&tagged).map_err(|error| {
        if error.message.starts_with("unknown variant") && error.field.is_empty() {
            return InputError::UnknownType(task_type.clone());
        }
        // The path begins with the tag added above; serde_ignored writes `?` for it.
        let inner = error.field.strip_prefix(task_type.as_str()).or(error.field.strip_prefix('?'));
        let inner = inner.unwrap_or(&error.field);
        let inner = inner.strip_prefix('.').unwrap_or(inner);
        InputError::Payload(FieldError::at(inner, error.message).within("payload"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(task_type: &str, payload: Value) -> Result<TaskInput, InputError> {
        TaskInput::accept(&Name::new(task_type).unwrap(), &Json::new(&payload))
    }

    fn refusal(task_type: &str, payload: Value) -> (String, String) {
        match accept(task_type, payload) {
            Err(InputError::Payload(e)) => (e.field, e.message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn known_types_are_listed_by_their_wire_names() {
        let known = TaskInput::known();
        assert!(known.contains(&"research_solution".to_owned()) && known.contains(&"scripted".to_owned()), "{known:?}");
        assert!(known.iter().all(|name| Name::new(name).is_ok()), "{known:?}");
    }

    #[test]
    fn an_unknown_type_is_refused_with_the_known_ones() {
        let error = accept("make_tea", json!({})).unwrap_err();
        assert!(error.to_string().starts_with("unknown task type `make_tea`; known are "), "{error}");
    }

    #[test]
    fn payload_errors_name_the_field() {
        let missing = refusal("research_solution", json!({}));
        assert_eq!(missing, ("payload".into(), "missing field `description`".into()));
        let wrong = refusal("research_solution", json!({"description": 5}));
        assert_eq!(wrong, ("payload.description".into(), "invalid type: integer `5`, expected a string".into()));
        let unknown = refusal("research_solution", json!({"description": "d", "x": 1}));
        assert_eq!(unknown, ("payload.x".into(), "unknown field `x`".into()));
        let not_object = refusal("research_solution", json!([1]));
        assert_eq!(not_object, ("payload".into(), "expected an object, found a list".into()));
        // Every field of this one has a default, so serde would take it.
        assert_eq!(refusal("scripted", json!([])).0, "payload");
    }

    #[test]
    fn a_stored_payload_may_have_fields_of_another_version() {
        let payload = Json::new(&json!({"description": "d", "x": 1}));
        assert!(TaskInput::stored(&Name::of("research_solution"), &payload).is_ok());
    }
}
