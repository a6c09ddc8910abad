//! A model call of a task: what it used goes into the action log, and what went wrong decides about another try.

use crate::{ChatAnswer, ChatError, ChatRequest, Profile, Profiles, Usage};
use errand::{Failure, FailureKind, TaskContext, Timestamp, spi::lifecycle::Report};

impl Profiles {
    /// Asks the model backend of a profile for `task`. What it used goes into the action log, whatever becomes of the
    /// execution.
    pub async fn chat(
        &self,
        task: &TaskContext<'_>,
        profile: &str,
        request: &ChatRequest,
    ) -> Result<ChatAnswer, Failure> {
        let profile = self.named(profile)?;
        let answer = profile.backend.chat(request).await;
        let used = match &answer {
            Ok(ChatAnswer { model, usage, .. }) | Err(ChatError::Empty { model, usage }) => Some((model, *usage)),
            Err(_) => None,
        };
        if let Some((model, usage)) = used {
            task.uses(Report {
                model: Some(model.clone()),
                tokens_in: usage.map(|usage| usage.tokens_in),
                tokens_out: usage.map(|usage| usage.tokens_out),
                cost_nano_usd: profile.prices.and_then(|prices| prices.cost_nano_usd(usage)),
            });
        }
        answer.map_err(|error| failure(error, task.now()))
    }

    /// The same for who needs a text: an answer that only calls tools is none.
    pub async fn ask(
        &self,
        task: &TaskContext<'_>,
        profile: &str,
        request: &ChatRequest,
    ) -> Result<ChatAnswer, Failure> {
        let answer = self.chat(task, profile, request).await?;
        answer.with_text().map_err(|error| failure(error, task.now()))
    }

    /// Whether the model backend of a profile can be asked to judge a text.
    pub fn judges(&self, profile: &str) -> Result<bool, Failure> {
        Ok(self.named(profile)?.backend.judges())
    }

    /// The profile of this name. Without one, nobody but the installation's configuration can help.
    pub fn named(&self, profile: &str) -> Result<&Profile, Failure> {
        self.get(profile).map_err(|error| Failure::of(FailureKind::Backend, error))
    }
}

/// What a model backend's error means for the task; sorted here and nowhere else.
fn failure(error: ChatError, now: Timestamp) -> Failure {
    let (kind, wait) = match &error {
        ChatError::Auth(_) => (FailureKind::ProviderAuth, None),
        ChatError::RateLimit { retry_after, .. } => (FailureKind::RateLimit, retry_after.map(|at| at.wait(now))),
        ChatError::Timeout(_) => (FailureKind::Timeout, None),
        ChatError::Transport(_) | ChatError::Failed(_) => (FailureKind::ProviderTransport, None),
        ChatError::InvalidAnswer(_) | ChatError::Empty { .. } => (FailureKind::InvalidAnswer, None),
        ChatError::Refused(_) => (FailureKind::Backend, None),
    };
    let failure = Failure::of(kind, error);
    match wait {
        Some(wait) => failure.after(wait),
        None => failure,
    }
}

/// Whether the call that came to `failure` may have to be paid for: see [`ChatError::may_cost`].
pub fn may_cost(failure: &Failure) -> bool {
    failure.cause().is_some_and(ChatError::may_cost)
}

/// What the model has used all the same, if `failure` is that it answered and said nothing.
pub fn nothing_said(failure: &Failure) -> Option<Option<Usage>> {
    match failure.cause() {
        Some(ChatError::Empty { usage, .. }) => Some(*usage),
        _ => None,
    }
}
