//! The body of `POST /v1/runs`, and the task that it asks for.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json, value::to_raw_value};

use crate::{Agents, Executor, ResourceBundle, budget::Budgets, journal::Start};
use errand::{
    App, Asked, Doc, Id, Name, Priority, Timestamp,
    spi::{money::Usd, redact},
};
use errand_http::{ApiError, Caller, TaskRequest};

/// How much of each thing that is kept with a run, its session or its agent is taken, as JSON, in bytes. Their records grow
/// until they end, and must fit then.
const KEPT_BYTES: usize = 64 * 1024;

/// What a spent budget means for a request; see `docs/agents.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BudgetCheck {
    /// It is taken, with a warning.
    #[default]
    Warn,
    /// It is refused.
    Block,
}

/// A request for a run. `docs/agents.md` says more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct RunRequest {
    /// What is to be done.
    pub prompt: String,
    /// Which model backend answers; for a runner: the pool that it claims from.
    #[serde(default)]
    pub profile: Name,
    /// Who does it.
    #[serde(default)]
    pub executor: Executor,
    /// The session to go on in; one of its own if absent.
    #[serde(default)]
    pub session_id: Option<Id>,
    /// Who works, and on whose budget; one of its own if absent.
    #[serde(default)]
    pub agent_id: Option<Id>,
    /// Kept with a new session.
    #[serde(default)]
    pub conversation_id: Option<Id>,
    /// Kept with a new session; `title` in it is the session's. At most 64 KiB.
    #[serde(default)]
    pub metadata: Doc,
    /// Kept with the agent. At most 64 KiB.
    #[serde(default)]
    pub agent_metadata: Doc,
    /// What sort of run; `agent` if absent.
    #[serde(default)]
    pub kind: Option<Name>,
    /// What its runner works with, which is handed it with the run; not for workers. At most 64 KiB.
    #[serde(default, deserialize_with = "errand::spi::json::read::optional_object")]
    pub resource_bundle: Option<ResourceBundle>,
    /// What its agent may spend, over all its runs; kept with it, in place of what was named before. If absent, that
    /// holds.
    #[serde(default, deserialize_with = "errand::spi::json::read::optional_object")]
    pub budgets: Option<Budgets>,
    /// What this task may spend.
    #[serde(default)]
    pub mission_cost_budget_usd: Option<Usd>,
    /// What a spent budget means now.
    #[serde(default)]
    pub budget_check: BudgetCheck,
    // The task's, in the words of TaskRequest.
    /// The project of the tenant that it belongs to; `default` if absent.
    #[serde(default)]
    pub project: Name,
    /// The named list that it stands in, for people; `default` if absent.
    #[serde(default)]
    pub queue: Name,
    /// A part of that list, for people; `default` if absent.
    #[serde(default)]
    pub lane: Name,
    /// What sort of agent asks for it; none if absent.
    #[serde(default)]
    pub agent_type: Option<Name>,
    /// Which user it is about; none if absent.
    #[serde(default)]
    pub user_id: Option<Id>,
    /// How soon it is run among others that are due, and its place in lists; `medium` if absent. Of tasks with a
    /// `timeout_s` over 60, and of those of `create_conversation_summary`, `erase_user`, `process_community_response` and
    /// `run_agent`, it orders lists alone: they ride one queue.
    #[serde(default)]
    pub priority: Priority,
    /// The caller's name for this request, 1 to 256 bytes, as the header `Idempotency-Key`. Within tenant and project, as
    /// long as the task is kept, the same key with the same type and payload is the same task, with another a 409. If
    /// absent, each request is a new task.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub idempotency_key: Option<String>,
    /// How many failures are followed by another try, 0 to 100; what the installation says if absent, 3 unless it does.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub max_retries: Option<u32>,
    /// How long one execution may take: 1 to 840 seconds, and up to 86,400 where workers outside do it. If absent, as long
    /// as its type says: 840 for `run_agent`, 300 for `erase_user`, 86400 for `run_outside`, 60 for `cleanup_session`, `create_conversation_summary` and `process_community_response`, 30
    /// for the others.
    #[serde(default)]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_s: Option<u32>,
    /// When it may start; not beside `delay_s`. Now if both are absent.
    #[serde(default)]
    pub scheduled_for: Option<Timestamp>,
    /// In how many seconds it may start; not beside `scheduled_for`.
    #[serde(default)]
    pub delay_s: Option<u64>,
    /// Not started after this, which must be later than its start. If absent, never; of a run for a runner, seven days
    /// after its start.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl RunRequest {
    /// What its run is begun with.
    pub fn start(&self, agents: &Agents) -> Start {
        let shown = |doc: &Doc| {
            let mut doc = doc.clone();
            redact::object(&mut doc);
            doc
        };
        let start = Start::of(Name::of("api"), self.profile.clone(), self.prompt.clone());
        Start {
            executor: self.executor,
            kind: self.kind.clone().unwrap_or(start.kind),
            session_id: self.session_id.clone(),
            conversation_id: self.conversation_id.clone(),
            metadata: shown(&self.metadata),
            agent_id: self.agent_id.clone(),
            agent_metadata: shown(&self.agent_metadata),
            budgets: self.budgets,
            session_ttl: agents.rules.session_ttl(),
            resource_bundle: self.resource_bundle.clone().map(ResourceBundle::without_secrets),
            ..start
        }
    }

    /// Checks it and makes it a task of the caller's: `run_agent`, or `run_outside` for a runner.
    pub async fn accept(self, caller: &Caller, app: &App, agents: &Agents, now: Timestamp) -> Result<Asked, ApiError> {
        self.fits()?;
        let task_type = match self.executor {
            Executor::Worker => {
                known_profile(agents, &self.profile)?;
                self.only_for_runners()?;
                Name::of("run_agent")
            }
            Executor::Runner => {
                self.only_for_workers()?;
                Name::of("run_outside")
            }
        };
        let request = TaskRequest {
            task_type,
            payload: to_raw_value(&self.payload()).unwrap_or_default(),
            project: self.project,
            queue: self.queue,
            lane: self.lane,
            agent_type: self.agent_type,
            user_id: self.user_id,
            context_id: None,
            context_type: None,
            parent_id: None,
            name: None,
            after: Vec::new(),
            priority: self.priority,
            idempotency_key: self.idempotency_key,
            max_retries: self.max_retries,
            timeout_s: self.timeout_s,
            scheduled_for: self.scheduled_for,
            delay_s: self.delay_s,
            expires_at: self.expires_at,
        };
        // The fields of the payload are fields of this request.
        request.accept(caller, app, now).await.map_err(|error| ApiError {
            field: error.field.map(|field| field.strip_prefix("payload.").unwrap_or(&field).to_owned()),
            ..error
        })
    }

    fn fits(&self) -> Result<(), ApiError> {
        let kept = [
            ("metadata", json!(self.metadata)),
            ("agent_metadata", json!(self.agent_metadata)),
            ("resource_bundle", json!(self.resource_bundle)),
        ];
        kept.iter().try_for_each(|(field, value)| fits(field, value))
    }

    fn payload(&self) -> Value {
        let mut payload = json!({
            "prompt": self.prompt, "profile": self.profile, "session_id": self.session_id, "agent_id": self.agent_id,
            "budgets": self.budgets, "mission_cost_budget_usd": self.mission_cost_budget_usd,
        });
        if let Some(fields) = payload.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        payload
    }

    fn only_for_runners(&self) -> Result<(), ApiError> {
        let told = "only for a run that a runner takes, which is handed it: a model has no files to work with";
        if self.resource_bundle.is_some() { Err(ApiError::invalid("resource_bundle", told)) } else { Ok(()) }
    }

    fn only_for_workers(&self) -> Result<(), ApiError> {
        let given =
            [("budgets", self.budgets.is_some()), ("mission_cost_budget_usd", self.mission_cost_budget_usd.is_some())];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((field, _)) => {
                Err(ApiError::invalid(field, "not for a run that a runner takes: it is not ours to watch"))
            }
        }
    }
}

/// Refuses what is too large to be kept with a run, session or agent, or carried by a command.
pub fn fits(field: &str, value: &Value) -> Result<(), ApiError> {
    let bytes = value.to_string().len();
    if bytes <= KEPT_BYTES {
        return Ok(());
    }
    Err(ApiError::too_large(field, format!("it has {bytes} bytes; at most {KEPT_BYTES} are taken")))
}

/// Why no run is begun where there is nobody to do it.
pub(crate) const NO_MODEL: &str = "no model is configured that would do it: see the model profiles";

fn known_profile(agents: &Agents, profile: &Name) -> Result<(), ApiError> {
    let backends = agents.backends();
    match backends.iter().find(|view| view.name == *profile) {
        Some(view) if view.stands_in => {
            let error = ApiError::new(400, "no_model", NO_MODEL);
            return Err(ApiError { field: Some("profile".to_owned()), ..error });
        }
        Some(_) => return Ok(()),
        None => {}
    }
    let known: Vec<&str> = backends.iter().map(|view| view.name.as_str()).collect();
    let message = format!("there is no model profile `{profile}`; known are {}", known.join(", "));
    Err(ApiError::invalid("profile", message))
}
