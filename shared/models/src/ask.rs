//! A model call of a task: what it used goes into the action log, and what went wrong decides about another try.

use crate::{ChatAnswer, ChatError, ChatRequest, Profile, ProfileView, Profiles, Usage};
use errand::{
    Failure, FailureKind, TaskContext, Timestamp,
    spi::{lifecycle::Report, telemetry::TRACE},
};
use tracing::{Instrument, Span, field::Empty, trace_span};

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
        let span = span(&profile.view, request);
        let answer = profile.backend.chat(request).instrument(span.clone()).await;
        let used = match &answer {
            Ok(ChatAnswer { model, usage, .. }) | Err(ChatError::Empty { model, usage }) => Some((model, *usage)),
            Err(_) => None,
        };
        if let Some((model, usage)) = used {
            span.record("gen_ai.response.model", model);
            span.record("gen_ai.usage.input_tokens", usage.map(|usage| usage.tokens_in));
            span.record("gen_ai.usage.output_tokens", usage.map(|usage| usage.tokens_out));
            task.uses(Report {
                model: Some(model.clone()),
                tokens_in: usage.map(|usage| usage.tokens_in),
                tokens_out: usage.map(|usage| usage.tokens_out),
                cost_nano_usd: profile.prices.and_then(|prices| prices.cost_nano_usd(usage)),
            });
        }
        answer.map_err(|error| {
            let failure = failure(error, task.now());
            span.record("error.type", tracing::field::display(failure.kind()));
            span.record("otel.status_code", "ERROR");
            failure
        })
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

/// One call, as OpenTelemetry's conventions for generative AI have it. Of what is asked and answered nothing is in it.
fn span(view: &ProfileView, request: &ChatRequest) -> Span {
    trace_span!(
        target: TRACE, "chat", otel.kind = "client", otel.name = %format_args!("chat {}", view.model), otel.status_code = Empty,
        gen_ai.operation.name = "chat", gen_ai.provider.name = provider(view.kind), gen_ai.request.model = view.model,
        gen_ai.request.max_tokens = request.max_tokens, gen_ai.response.model = Empty, gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty, error.r#type = Empty,
    )
}

/// What the conventions call a kind of backend. (Those of our own they do not know.)
fn provider(kind: &'static str) -> &'static str {
    if kind == "bedrock" { "aws.bedrock" } else { kind }
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
