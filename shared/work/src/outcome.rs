//! How work outside has ended: one vocabulary for workers, callbacks and the answers of whoever is called.

mod form;

use std::time::Duration;

use errand::{
    App, Asked, Effect, Event, Failure, FailureKind, FieldError, Id, Outcome, Task, TaskContext, TaskKey,
    spi::{
        accept::check_may_stand_alone,
        event::family,
        ids,
        processor::{Ending, WorkEnded},
    },
};
use errand_http::{ApiError, Caller, TaskRequest};
use serde_json::Value;

pub use form::{BACKEND_NAME_BYTES, OutcomeFailure, WorkExchange, WorkOutcome, WorkUsed};
pub(crate) use form::{EVENTS, FOLLOW_UPS, OutcomeStatus};
use form::{MAX_WAIT_S, OutcomeEvent};

use crate::OpenWork;

impl WorkOutcome {
    /// What it means for `task`, whose worker says so: refused if it is not whole, or makes what it may not.
    pub async fn ended(self, app: &App, task: &Task) -> Result<WorkEnded, ApiError> {
        let mut effects = Vec::new();
        for (nth, request) in self.follow_ups(task)?.into_iter().enumerate() {
            let made = follow_up(app, task, request, nth).await;
            effects.push(Effect::enqueue(made.map_err(|error| within(error, &format!("follow_up[{nth}]")))?));
        }
        effects.extend(self.published(app, task)?.into_iter().map(Effect::publish));
        self.fits()?;
        let report = self.used.as_ref().map(WorkUsed::report).unwrap_or_default();
        Ok(WorkEnded { ending: self.ending()?, effects, report })
    }

    /// What it says of a model.
    pub(crate) fn exchange(&self) -> WorkExchange {
        WorkExchange { thread_id: self.thread_id.clone(), turn_id: self.turn_id.clone(), used: self.used.clone() }
    }

    /// Whether what it says of a model is no longer than it may be.
    fn fits(&self) -> Result<(), FieldError> {
        let model = self.used.as_ref().and_then(|used| used.model.as_ref());
        let names = [("thread_id", self.thread_id.as_ref()), ("turn_id", self.turn_id.as_ref()), ("used.model", model)];
        match names.into_iter().find(|(_, name)| name.is_some_and(|name| name.len() > BACKEND_NAME_BYTES)) {
            Some((field, _)) => Err(FieldError::at(field, format!("expected at most {BACKEND_NAME_BYTES} bytes"))),
            None => Ok(()),
        }
    }

    fn ending(self) -> Result<Ending, ApiError> {
        let needed = |field: &str| ApiError::invalid(field, format!("say it, for an end of this sort: `{field}`"));
        let reason = self.reason.filter(|reason| !reason.trim().is_empty());
        Ok(match self.status {
            OutcomeStatus::Completed => Ending::Decided(Outcome::done(self.output)),
            OutcomeStatus::Failed => Ending::Failed(self.failure.ok_or_else(|| needed("failure"))?.failure()),
            OutcomeStatus::Blocked => Ending::Decided(Outcome::Block(reason.ok_or_else(|| needed("reason"))?)),
            OutcomeStatus::Cancelled => {
                Ending::Decided(Outcome::Cancel(reason.unwrap_or_else(|| "called off by its worker".to_owned())))
            }
            OutcomeStatus::Snoozed => {
                let seconds = self.retry_after_s.filter(|s| *s <= MAX_WAIT_S).ok_or_else(|| needed("retry_after_s"))?;
                Ending::Decided(Outcome::Snooze(Duration::from_secs(seconds)))
            }
            OutcomeStatus::Released => Ending::Released,
        })
    }

    fn follow_ups(&self, task: &Task) -> Result<Vec<TaskRequest>, ApiError> {
        if self.follow_up.len() > FOLLOW_UPS {
            return Err(ApiError::invalid("follow_up", format!("expected at most {FOLLOW_UPS} tasks")));
        }
        let read = |(nth, request): (usize, &Value)| {
            let read = errand::spi::json::read::read_strict::<TaskRequest>(&request.to_string());
            let mut read = read.map_err(|error| error.within(&format!("follow_up[{nth}]")))?;
            read.parent_id = Some(task.key.id);
            Ok(read)
        };
        self.follow_up.iter().enumerate().map(read).collect()
    }

    fn published(&self, app: &App, task: &Task) -> Result<Vec<Event>, ApiError> {
        if self.events.len() > EVENTS {
            return Err(ApiError::invalid("events", format!("expected at most {EVENTS} events")));
        }
        let context = TaskContext::new(app, task);
        let event = |(nth, event): (usize, &OutcomeEvent)| {
            if let Some(family) = family(event.event_type.as_str()) {
                let message = format!("events of the family `{family}` are told by Errand alone");
                return Err(FieldError::at(&format!("events[{nth}].type"), message).into());
            }
            let id = context.id(&format!("event {nth}"));
            let made = context.event(event.event_type.as_str(), &Id::from(task.key.id), event.data.clone());
            Ok(Event { id: ids::derived(&[id.as_str()]), ..made })
        };
        self.events.iter().enumerate().map(event).collect()
    }
}

impl OutcomeFailure {
    fn failure(self) -> Failure {
        let failure = match (&self.kind, self.known()) {
            (_, Some(known)) => Failure::said(known, self.message),
            (Some(own), None) => Failure::said(FailureKind::Handler, format!("{own}: {}", self.message)),
            (None, None) => Failure::said(FailureKind::Handler, self.message),
        };
        match (self.retry, self.retry_after_s) {
            (false, _) => failure.for_good(),
            (true, Some(seconds)) => failure.after(Duration::from_secs(seconds)),
            (true, None) => failure,
        }
    }

    /// The kind of failure that its name is here, if it is one that work may have. What becomes of tasks and their leases is
    /// not for work outside to say.
    fn known(&self) -> Option<FailureKind> {
        use FailureKind as F;
        let kind = serde_json::from_value(self.kind.as_ref()?.as_str().into()).ok()?;
        let theirs = [
            F::Timeout,
            F::Backend,
            F::ProviderAuth,
            F::RateLimit,
            F::ProviderTransport,
            F::InvalidAnswer,
            F::BudgetExceeded,
            F::BudgetUnavailable,
            F::TenantPolicyDenied,
            F::SchemaInvalid,
            F::InfraFailed,
        ];
        theirs.contains(&kind).then_some(kind)
    }
}

/// The `nth` follow-up of this execution of `task`: the same however often it is asked for.
async fn follow_up(app: &App, task: &Task, request: TaskRequest, nth: usize) -> Result<Asked, ApiError> {
    let (own, other) = (&task.task_type, request.task_type.clone());
    let open = OpenWork::of(app);
    let found = match open {
        Some(open) => open.find(app, &task.key.tenant, own).await?,
        None => None,
    };
    if !found.map_or(*own == other, |found| found.record.may_make(own, &other)) {
        let message =
            format!("tasks of the type `{own}` may not make any of the type `{other}`; see its `may_enqueue`");
        return Err(ApiError::invalid("task_type", message));
    }
    check_may_stand_alone(app, &other)?;
    let keyed = request.idempotency_key.is_some();
    let request_id = task.request_id.clone().unwrap_or_default();
    let caller = Caller::trusted(task.key.tenant.clone(), task.created_by.clone(), request_id).traced(task.traceparent);
    let asked = request.accept(&caller, app, app.clock.now()).await?;
    if keyed {
        return Ok(asked);
    }
    let parts = [&*task.life(), &*task.executions.to_string(), "follow-up", &*nth.to_string()];
    Ok(Asked { key: TaskKey { tenant: task.key.tenant.clone(), id: ids::derived(&parts) }, ..asked })
}

fn within(error: ApiError, outer: &str) -> ApiError {
    let field = FieldError::at(error.field.as_deref().unwrap_or_default(), "").within(outer).field;
    ApiError { field: Some(field), ..error }
}
