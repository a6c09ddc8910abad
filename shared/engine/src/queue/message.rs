//! What travels on the queues.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{Name, TaskKey},
    lifecycle::{Dispatch, Priority, Task},
    store::RecordKey,
};

/// Tasks that may run longer than this have a queue of their own, with batch size 1; so have those of slow types.
pub const LONG_TIMEOUT_S: u32 = 60;

/// The attribute that carries the X-Ray header. It is the one that SQS has itself, apart from those of the sender.
pub const TRACE_ATTRIBUTE: &str = "AWSTraceHeader";

/// The attribute that says whose a request on the intake queue is, and a dead letter.
pub const TENANT_ATTRIBUTE: &str = "tenant";

/// One of Errand's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueName {
    /// Due tasks of one priority.
    Work(Priority),
    /// Due tasks that may run longer than [`LONG_TIMEOUT_S`], or are of a type that is slow.
    Long,
    /// Due tasks that are pushed: they wait for others, and take no part in the work here. On SQS they ride [`Self::Long`], where
    /// each has a process to itself anyway.
    Pushed,
    /// Requests that other services publish.
    Intake,
    /// Tasks that failed, and messages that nothing could read.
    DeadLetter,
    /// Requests that could not be accepted.
    IntakeDeadLetter,
}

impl QueueName {
    /// All queues that SQS has of ours, those of dead letters included.
    pub const ALL: [QueueName; 8] = [
        QueueName::Work(Priority::Urgent),
        QueueName::Work(Priority::High),
        QueueName::Work(Priority::Medium),
        QueueName::Work(Priority::Low),
        QueueName::Long,
        QueueName::Intake,
        QueueName::DeadLetter,
        QueueName::IntakeDeadLetter,
    ];

    /// The queues whose messages `process-task` gets.
    pub const WORK: [QueueName; 5] = [
        QueueName::Work(Priority::Urgent),
        QueueName::Work(Priority::High),
        QueueName::Work(Priority::Medium),
        QueueName::Work(Priority::Low),
        QueueName::Long,
    ];

    /// The same, and where their failures go.
    pub const WORK_AND_DEAD_LETTER: [QueueName; 6] = {
        let [urgent, high, medium, low, long] = Self::WORK;
        [urgent, high, medium, low, long, QueueName::DeadLetter]
    };

    /// The queue that the messages of `task` ride, whose type `is_slow`, or is not. A batch is done when the slowest of
    /// its tasks is, and holds its slots until then: what is slow shares none. (What an older version has sent
    /// elsewhere is processed there.)
    pub fn of(task: &Task, is_slow: bool) -> Self {
        if task.dispatch == Dispatch::Pushed {
            QueueName::Pushed
        } else if task.timeout_s > LONG_TIMEOUT_S || is_slow {
            QueueName::Long
        } else {
            QueueName::Work(task.priority)
        }
    }

    /// The name in configuration and ARNs.
    pub fn as_str(self) -> &'static str {
        match self {
            QueueName::Work(priority) => priority.as_str(),
            QueueName::Long => "long",
            QueueName::Pushed => "pushed",
            QueueName::Intake => "intake",
            QueueName::DeadLetter => "dead-letter",
            QueueName::IntakeDeadLetter => "intake-dead-letter",
        }
    }
}

/// The body of a message on a work queue, and of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMessage {
    /// The task that is spoken of.
    #[serde(flatten)]
    pub key: TaskKey,
    /// On a dead letter: the executions it had failed at. Such a message on a work queue means "redrive, if it
    /// is still failed there".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executions: Option<u32>,
}

/// The body of a message that says that a record's time has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueMessage {
    /// The record that is spoken of.
    pub due: RecordKey,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq)]
pub struct OutMessage {
    /// What is sent, as JSON text.
    pub body: String,
    /// Delivered no earlier than this from now; at most 900 s.
    pub delay: Duration,
    /// Whose it is, for fairness between tenants (SQS `MessageGroupId` on a standard queue).
    pub group: Option<Name>,
    /// String attributes; [`TRACE_ATTRIBUTE`] is SQS's own.
    pub attributes: Vec<(&'static str, String)>,
}

impl OutMessage {
    /// "This task is due in `delay`", with the X-Ray header of what makes it so.
    pub fn hint(task: &Task, delay: Duration, trace: Option<&str>) -> Self {
        let attributes = trace.map(|header| (TRACE_ATTRIBUTE, header.to_owned())).into_iter().collect();
        Self { delay, group: Some(task.key.tenant.clone()), attributes, ..Self::about(task, None) }
    }

    /// "This record is due in `delay`", at most 900 s.
    pub fn due(record: &RecordKey, delay: Duration) -> Self {
        // Names and ids always have a JSON text.
        let body = serde_json::to_string(&DueMessage { due: record.clone() }).unwrap_or_default();
        Self { body, delay, group: Some(record.tenant.clone()), attributes: Vec::new() }
    }

    /// "This task has failed": with type, tenant and reason as attributes.
    pub fn dead_letter(task: &Task, reason: &str) -> Self {
        let attributes = vec![
            ("task_type", task.task_type.to_string()),
            (TENANT_ATTRIBUTE, task.key.tenant.to_string()),
            ("reason", if reason.is_empty() { "unknown".to_owned() } else { reason.to_owned() }),
        ];
        Self { attributes, ..Self::about(task, Some(task.executions)) }
    }

    /// "This could not be accepted": the body that came, whose it is, and what is wrong with it as attributes.
    pub fn refused(body: String, tenant: Option<String>, error_code: &str, error_message: String) -> Self {
        let mut attributes = vec![("error_code", error_code.to_owned()), ("error_message", error_message)];
        attributes.extend(tenant.map(|tenant| (TENANT_ATTRIBUTE, tenant)));
        Self { body, delay: Duration::ZERO, group: None, attributes }
    }

    fn about(task: &Task, executions: Option<u32>) -> Self {
        let message = TaskMessage { key: task.key.clone(), executions };
        // A name, a UUID and a number always have a JSON text.
        let body = serde_json::to_string(&message).unwrap_or_default();
        Self { body, delay: Duration::ZERO, group: None, attributes: Vec::new() }
    }
}
