//! Ends an execution: from what the handler decided to what is committed, and what becomes of the message.

use std::time::Duration;

use crate::{
    app::App,
    change::{ChangeError, With, change},
    clock::Timestamp,
    dead_letter::dead_letter,
    effects::Effect,
    handler::{Failure, Outcome, Retry, Settings},
    lifecycle::{self, FailureKind, Report, Settlement, State, Task, Trigger},
    notify::notify,
    processor::{
        Delivery, MARGIN, Verdict,
        again::Again,
        decide::{Decision, Ending, decide},
        given_up,
        handle::handle,
    },
    registry::{Input, InputError},
    store::StoreError,
    telemetry::lease_lost,
};

/// How often a handler decides anew, in one execution, because what it decided on has changed.
const MAX_HANDLINGS: u32 = 3;

/// Handles the claimed `task` and commits what comes of it.
pub(super) async fn handle_and_settle(
    app: &App,
    delivery: &Delivery,
    mut task: Task,
    input: &Result<Box<dyn Input>, InputError>,
    deadline: Option<Timestamp>,
) -> Verdict {
    let settings = input.as_ref().map(|input| input.settings()).unwrap_or_default();
    let mut used = Report::default();
    let mut handling = 0;
    loop {
        handling += 1;
        let handled = match handle(app, task, input).await {
            Ok(handled) => handled,
            Err(lost) => {
                lease_lost(app, &lost, app.clock.now());
                return Verdict::Done;
            }
        };
        task = handled.task;
        used = used.plus(handled.report);
        if let Ending::Decided(Outcome::Park(lease)) = handled.ending {
            return park(app, &task, lease).await;
        }
        let execution = Execution { task: &task, settings: &settings, used: &used, beside: &handled.beside, deadline };
        // What cannot be committed with one end is not tried with the next.
        let bare = Execution { beside: &[], ..execution };
        let waits = matches!(handled.ending, Ending::Decided(Outcome::Wait { .. }));
        match settle(app, delivery, &execution, handled.ending).await {
            Err(ChangeError::Effect(_)) if handling < MAX_HANDLINGS => {}
            // What it waits for changes under its hands: it looks again at once.
            Err(ChangeError::Effect(_)) if waits => {
                return verdict(app, &task, settle(app, delivery, &bare, Ending::Released).await);
            }
            Err(problem @ ChangeError::Effect(_)) => {
                let failure = Failure::of_kind(FailureKind::EffectConflict, problem.to_string(), Retry::Backoff);
                return verdict(app, &task, settle(app, delivery, &bare, Ending::Failed(failure)).await);
            }
            Err(ChangeError::Store(StoreError::TooLarge(what))) => {
                let failure = Failure::of_kind(FailureKind::TooLarge, format!("too large: {what}"), Retry::Never);
                return verdict(app, &task, settle(app, delivery, &bare, Ending::Failed(failure)).await);
            }
            Err(ChangeError::Store(problem @ StoreError::Invalid(_))) => {
                let failure = Failure::permanent(problem.to_string());
                return verdict(app, &task, settle(app, delivery, &bare, Ending::Failed(failure)).await);
            }
            settled => return verdict(app, &task, settled),
        }
    }
}

/// Has the execution go on elsewhere. It may have ended there meanwhile.
async fn park(app: &App, task: &Task, lease: Duration) -> Verdict {
    let Some(fence) = task.fence() else { return Verdict::Done };
    match change(app, task, Trigger::Renew { fence, lease: Some(lease), progress: None }, With::nothing()).await {
        Ok(_) | Err(ChangeError::Rejected(_) | ChangeError::Gone) => Verdict::Done,
        Err(problem) => given_up(&problem),
    }
}

/// An execution that is to be settled.
#[derive(Clone, Copy)]
struct Execution<'a> {
    task: &'a Task,
    settings: &'a Settings,
    /// What it used, over all its handlings.
    used: &'a Report,
    /// What is committed with its end, whichever that is.
    beside: &'a [Effect],
    /// When this process is stopped.
    deadline: Option<Timestamp>,
}

impl Execution<'_> {
    /// How long it is worth asking a store that is busy: what is thrown away here is paid for again, and counts as a lost
    /// worker. Until shortly before the poller may give the worker up, or the process is stopped.
    fn may_settle_until(&self) -> Timestamp {
        let lease_ends = match self.task.state {
            State::Running { lease_expires_at, .. } => lease_expires_at,
            _ => Timestamp::default(),
        };
        self.deadline.map_or(lease_ends, |at| at.min(lease_ends)) - MARGIN
    }
}

fn verdict(app: &App, task: &Task, settled: Result<Verdict, ChangeError>) -> Verdict {
    settled.unwrap_or_else(|problem| {
        if matches!(problem, ChangeError::Rejected(_) | ChangeError::Gone) {
            lease_lost(app, task, app.clock.now());
        }
        given_up(&problem)
    })
}

/// Arranges for the next message first, where the task is to run again, then commits.
async fn settle(
    app: &App,
    delivery: &Delivery,
    execution: &Execution<'_>,
    ending: Ending,
) -> Result<Verdict, ChangeError> {
    let Execution { task, settings, used, beside, .. } = execution;
    let fence = task.fence().ok_or(lifecycle::Rejected::LeaseLost)?;
    let now = app.clock.now();
    let jitter = fastrand::f64() * 2.0 - 1.0;
    let Decision { mut settlement, with } = decide(task, ending, settings, jitter, now);
    let mut again = None;
    if let Settlement::Retry { run_at, hinted, .. } | Settlement::Snooze { run_at, hinted } = &mut settlement {
        let arranged = Again::arrange(app, delivery, task, *run_at).await;
        *hinted = arranged.is_hinted();
        again = Some(arranged);
    }
    let trigger = Trigger::Settle { fence, settlement, report: (*used).clone() };
    let settled = change(app, task, trigger, with.and(beside.to_vec()).patient(execution.may_settle_until())).await?;
    let send = match again {
        Some(Again::ToSend) => true,
        // One that was there before the commit had landed after all was dropped.
        Some(Again::Hidden | Again::Sent) => settled.run_at().is_some_and(|at| at <= app.clock.now()),
        Some(Again::Poller) | None => false,
    };
    if send {
        notify(app, std::slice::from_ref(&settled)).await;
    }
    dead_letter(app, &settled).await;
    Ok(again.map_or(Verdict::Done, Again::verdict))
}
