//! The spans of what is done to tasks, for who records traces. They are switched off unless somebody asks for them, and then
//! nothing of them is made up.

use tracing::{Span, field::Empty, level_filters::LevelFilter, trace_span};

use crate::lifecycle::{FailureKind, Task};

/// The target of all spans that make up traces. Who records them goes by the fields `otel.name`, `otel.kind`,
/// `otel.status_code`, `otel.parent` and `otel.link`; all others are attributes.
pub const TRACE: &str = "errand::trace";

/// That these tasks are taken; it belongs to the trace that they were asked for in.
pub(crate) fn enqueue<'t>(tasks: impl Iterator<Item = &'t Task> + Clone) -> Span {
    let first = || tasks.clone().next();
    let alone = || first().filter(|_| tasks.clone().nth(1).is_none());
    trace_span!(
        target: TRACE, "enqueue", otel.kind = "producer",
        otel.parent = first().and_then(|task| task.traceparent).map(tracing::field::display),
        messaging.system = "errand", messaging.operation.name = "enqueue", messaging.operation.r#type = "send",
        messaging.batch.message_count = tasks.clone().count(),
        errand.task.r#type = first().map(|task| task.task_type.as_str()),
        errand.task.id = alone().map(|task| tracing::field::display(task.key.id)),
    )
}

/// One execution of `task`, which was just claimed, linked with what the task was asked for in.
pub(crate) fn execution(task: &Task) -> Span {
    trace_span!(
        target: TRACE, "execute", otel.kind = "consumer", otel.name = %format_args!("execute {}", task.task_type),
        otel.link = task.traceparent.map(tracing::field::display), otel.status_code = Empty,
        messaging.system = "errand", messaging.operation.name = "execute", messaging.operation.r#type = "process",
        errand.task.r#type = task.task_type.as_str(), errand.task.id = %task.key.id,
        errand.task.attempt = task.executions, errand.task.outcome = Empty, error.r#type = Empty,
    )
}

/// Says of the execution that this is part of how it has ended, and, if it was not well, of what.
pub(crate) fn ended(outcome: &'static str, failure: Option<FailureKind>) {
    if LevelFilter::current() < LevelFilter::TRACE {
        return;
    }
    let span = Span::current();
    span.record("errand.task.outcome", outcome);
    if let Some(failure) = failure {
        span.record("error.type", tracing::field::display(failure));
        span.record("otel.status_code", "ERROR");
    }
}
