//! The session: what runs that go on from one another have in common, and what a reader sees of them.

mod life;
mod line;
mod list;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use life::SessionAction;
pub use line::{MAX_WAITING, Waiting};
pub use list::{Attention, Phase, SessionFilter};

use crate::{
    Terminal,
    preview::{PROMPT_TITLE, TITLE, preview},
    supervisor::Incident,
};
use errand::{Doc, Entity, FailureKind, Id, Name, Relation, Relations, Timestamp};

/// Whether something goes on in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionState {
    /// Nothing; its last run, if there was one, ended well, and another may begin.
    #[default]
    Idle,
    /// A run.
    Running,
    /// Nothing: its last run did not end well, or its time is over. Before that, another run may begin.
    Terminal,
}

/// A session.
// Changed by `apply` and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The tenant's project.
    pub project: Name,
    /// Which model backend answers in it.
    pub profile: Name,
    /// The conversation it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<Id>,
    /// The backend's name for the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// What its caller keeps with it.
    #[serde(default)]
    pub metadata: Doc,
    /// Whether something goes on in it.
    #[serde(default)]
    pub execution_state: ExecutionState,
    /// The run that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_run: Option<Id>,
    /// The runs that are to go on in it next, in their order; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// The command that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_command: Option<Id>,
    /// The newest run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Id>,
    /// The newest command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_command: Option<Id>,
    /// The number of the newest run's newest event.
    #[serde(default)]
    pub last_event_seq: u64,
    /// How the newest ended run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_status: Option<Terminal>,
    /// Why, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_kind: Option<FailureKind>,
    /// What people call it; at most 200 characters.
    #[serde(default)]
    pub title: String,
    /// The start of what its newest run came to, for readers.
    #[serde(default)]
    pub summary: String,
    /// The short of what was said before its `messages` were, as older versions kept it; see [`Session::in_short`].
    /// (Answers do not show it.)
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(skip)]
    pub history: String,
    /// Where it is told what was said before its `messages` were: a [`crate::Recap`]. (Answers do not show it.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub recap_id: Option<Id>,
    /// When a reader last had something new to see, or a run began.
    pub last_activity_at: Timestamp,
    /// Rises with what a reader would want to see.
    #[serde(default)]
    pub revision: u64,
    /// When it may be cleaned up; absent while something goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// It is kept until then at least, for the runs that were begun in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
    /// How many messages were said in it since its history was compacted.
    #[serde(default)]
    pub messages: u64,
    /// Of how many characters.
    #[serde(default)]
    pub characters: u64,
    /// The newest trouble in it.
    // `note` keeps it short.
    #[serde(default)]
    pub incidents: Vec<Incident>,
}

/// Why a session, or an agent, is not taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// It is another project's: a 403, `tenant_policy_denied`. (Another tenant's is not even found.)
    #[error("the session belongs to another project")]
    Project,
    /// The agent is another project's: likewise.
    #[error("the agent belongs to another project")]
    Agent,
    /// It was begun with another profile: a 400.
    #[error("the session was begun with another profile")]
    Profile,
}

/// How many incidents a session keeps: more than block it.
const KEPT_INCIDENTS: usize = 16;

impl Session {
    /// Where the session `id` is found in the HTTP API.
    pub fn path(id: &Id) -> String {
        format!("/v1/sessions/{id}")
    }

    /// Where the session is found that the task `task` goes on in: the one it names, or its own.
    pub fn path_of_task(named: Option<&Id>, task: Uuid) -> String {
        named.map_or_else(|| Self::path(&task.into()), Self::path)
    }

    /// A session that nothing has happened in. Its title is `metadata.title`, else the start of the prompt.
    pub fn new(project: Name, profile: Name, metadata: Doc, prompt: &str, now: Timestamp) -> Self {
        let given = metadata.get("title").and_then(|title| title.as_str()).map(|title| preview(title, TITLE));
        let title = given.filter(|title| !title.is_empty()).unwrap_or_else(|| preview(prompt, PROMPT_TITLE));
        Self {
            project,
            profile,
            conversation_id: None,
            thread_id: None,
            metadata,
            execution_state: ExecutionState::Idle,
            active_run: None,
            waiting: Vec::new(),
            active_command: None,
            last_run: None,
            last_command: None,
            last_event_seq: 0,
            terminal_status: None,
            failure_kind: None,
            title,
            summary: String::new(),
            history: String::new(),
            recap_id: None,
            last_activity_at: now,
            revision: 0,
            expires_at: None,
            kept_until: None,
            messages: 0,
            characters: 0,
            incidents: Vec::new(),
        }
    }

    /// Whether a run of `project` with `profile` may go on in it.
    pub fn admits(&self, project: &Name, profile: &Name) -> Result<(), NotAdmitted> {
        if self.project != *project {
            Err(NotAdmitted::Project)
        } else if self.profile != *profile {
            Err(NotAdmitted::Profile)
        } else {
            Ok(())
        }
    }

    /// The short of what was said before its `messages` were, as an older version has made it; empty if there is none.
    pub fn in_short(&self) -> &str {
        // It counts as one message. A still older version kept it where readers see the newest result.
        match (self.messages % 2, self.history.as_str()) {
            (1, "") => &self.summary,
            (1, history) => history,
            _ => "",
        }
    }

    /// The turns that were put in short, and those since; `turns` are its newest, in their order.
    pub fn told_apart<'t, T>(&self, turns: &'t [T]) -> (&'t [T], &'t [T]) {
        let since = usize::try_from(self.messages / 2).unwrap_or(usize::MAX).min(turns.len());
        turns.split_at(turns.len() - since)
    }

    /// Keeps `incident`, once.
    pub fn note(&mut self, incident: Incident) {
        if self.incidents.iter().all(|there| there.id != incident.id) {
            self.incidents.push(incident);
            let surplus = self.incidents.len().saturating_sub(KEPT_INCIDENTS);
            self.incidents.drain(..surplus);
        }
    }
}

impl Entity for Session {
    const KIND: &'static str = "session";

    fn relations(&self, created_at: &str) -> Relations {
        let parent = self.conversation_id.clone().map(|of| Relation { of, sort: created_at.to_owned() });
        Relations { parent, owner: Some(Relation { of: Id::from(&self.project), sort: self.place() }) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::supervisor::Reason;

    pub(super) fn session(title: Value, prompt: &str) -> Session {
        let metadata = [("title".to_owned(), title)].into_iter().collect();
        Session::new(Name::of("p"), Name::of("fast"), metadata, prompt, Timestamp::default())
    }

    #[test]
    fn a_title_comes_from_the_metadata_or_else_from_the_prompt() {
        let long = "ß".repeat(500);
        for (title, prompt, expected) in [
            (json!("Given"), "prompt", "Given"),
            (json!(long), "prompt", &*"ß".repeat(200)),
            (json!(null), "  fix\nit ", "fix it"),
            (json!("  "), "prompt", "prompt"),
            (json!(5), &*long, &*"ß".repeat(120)),
        ] {
            assert_eq!(session(title, prompt).title, expected);
        }
    }

    #[test]
    fn a_session_is_taken_up_only_by_its_project_with_its_profile() {
        let session = session(json!("t"), "");
        let admits = |project, profile| session.admits(&Name::of(project), &Name::of(profile));
        assert_eq!(admits("p", "fast"), Ok(()));
        assert_eq!(admits("q", "fast"), Err(NotAdmitted::Project));
        assert_eq!(admits("q", "slow"), Err(NotAdmitted::Project));
        assert_eq!(admits("p", "slow"), Err(NotAdmitted::Profile));
    }

    #[test]
    fn an_incident_is_kept_once_and_the_newest_stay() {
        let mut session = session(json!("t"), "");
        let (run_id, at) = (Some(Id::of("r")), Timestamp::default());
        let incident = |n: usize| Incident { id: n.to_string(), run_id: run_id.clone(), reason: Reason::SameTool, at };
        for n in [0, 1, 1, 0] {
            session.note(incident(n));
        }
        assert_eq!(session.incidents, [incident(0), incident(1)]);
        (2..30).for_each(|n| session.note(incident(n)));
        assert_eq!(session.incidents, (14..30).map(incident).collect::<Vec<_>>());
    }

    #[test]
    fn an_incident_that_an_older_version_noted_is_read_and_is_of_no_run() {
        let older = json!({"id": "x", "reason": "run_error", "at": "2026-01-01T00:00:00Z"});
        let read: Incident = serde_json::from_value(older).unwrap();
        assert_eq!((read.run_id, read.reason), (None, Reason::RunError));
    }
}
