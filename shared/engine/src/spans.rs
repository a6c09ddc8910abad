//! The spans of what is done to tasks, for who records traces. They are switched off unless somebody asks for them, and then
//! nothing of them is made up.

use tracing::{Span, field::Empty, level_filters::LevelFilter, trace_span};

use crate::{
    clock::Timestamp,
    lifecycle::{FailureKind, Task},
};

/// The target of all spans that make up traces. Who records them goes by the fields `otel.name`, `otel.kind`,
/// `otel.status_code`, `otel.parent` (where nothing recorded is around it), `otel.link` and `otel.began_ms` (when it began, in
/// milliseconds since 1970, where it is told of at its end); all others are attributes.
pub const TRACE: &str = "errand::trace";

/// That these tasks are made: part of the execution that makes them, or else of the trace that they were asked for in.
pub(crate) fn enqueue<'t>(tasks: impl Iterator<Item = &'t Task> + Clone) -> Span {
    let first = || tasks.clone().next();
    if first().is_none() {
        return Span::none();
    }
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
    of_execution(task, None)
}

/// One that nobody here has seen, and that is told of at its end. What is around it ended it, and is no part of it.
pub(crate) fn outside(task: &Task, began_at: Timestamp, outcome: &'static str, failure: Option<FailureKind>) {
    end(&of_execution(task, Some(began_at)), outcome, failure);
}

fn of_execution(task: &Task, began_at: Option<Timestamp>) -> Span {
    trace_span!(
        target: TRACE, parent: began_at.map_or_else(|| Span::current().id(), |_| None),
        "execute", otel.kind = "consumer", otel.name = %format_args!("execute {}", task.task_type),
        otel.link = task.traceparent.map(tracing::field::display),
        otel.began_ms = began_at.map(Timestamp::as_millis), otel.status_code = Empty,
        messaging.system = "errand", messaging.operation.name = "execute", messaging.operation.r#type = "process",
        errand.task.r#type = task.task_type.as_str(), errand.task.id = %task.key.id,
        errand.task.attempt = task.executions, errand.task.outcome = Empty, error.r#type = Empty,
    )
}

/// Says of the execution that this is part of how it has ended, and, if it was not well, of what.
pub(crate) fn ended(outcome: &'static str, failure: Option<FailureKind>) {
    if LevelFilter::current() == LevelFilter::TRACE {
        end(&Span::current(), outcome, failure);
    }
}

fn end(span: &Span, outcome: &'static str, failure: Option<FailureKind>) {
    span.record("errand.task.outcome", outcome);
    if let Some(failure) = failure {
        span.record("error.type", tracing::field::display(failure));
        span.record("otel.status_code", "ERROR");
    }
}
