//! What the stream tells of one task, and what the bus hears of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use errand::{
    Name, Published, Status, TaskKey, Timestamp,
    spi::event::{self, StatusChange},
};

/// That a task is in another status than before.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Whose task and which.
    pub key: TaskKey,
    /// Its project.
    pub project: Name,
    /// Its queue.
    pub queue: Name,
    /// Its lane.
    pub lane: Name,
    /// Its type.
    pub task_type: Name,
    /// The task's version after it: no other change has it.
    pub version: Uuid,
    /// When it was made.
    pub at: Timestamp,
    /// How the task stood before; `None` if it is new.
    pub old: Option<TaskStanding>,
    /// How it stands after.
    pub new: TaskStanding,
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskStanding {
    /// Its status.
    pub status: Status,
    /// Its failures in this drive.
    pub failures: u32,
}

/// Which changes of tasks are told on the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusEvents {
    /// `task.completed`, `task.failed`, `task.cancelled`, `task.blocked`.
    #[default]
    Ended,
    /// Besides, `task.enqueued`, `task.started`, `task.retried`.
    All,
}

impl std::str::FromStr for BusEvents {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ended" => Ok(Self::Ended),
            "all" => Ok(Self::All),
            _ => Err("expected `ended` or `all`".to_owned()),
        }
    }
}

impl Change {
    /// The event that tells of it, if one does. Always the same, id included, however often it is asked for.
    pub fn event(&self, which: BusEvents) -> Option<Published> {
        let ended = self.new.status.is_ended();
        let event_type = self.event_type().filter(|_| ended || which == BusEvents::All)?;
        let change = StatusChange {
            key: self.key.clone(),
            task_type: self.task_type.clone(),
            version: self.version,
            at: self.at,
            old: self.old.map(|old| old.status),
            new: self.new.status,
        };
        Some(change.event(event_type))
    }

    fn event_type(&self) -> Option<&'static str> {
        match (self.old, self.new.status) {
            (None, Status::Pending | Status::Waiting) => Some("task.enqueued"),
            // After a failure, or because an operator said so; a snooze and a lost worker are neither.
            (Some(old), Status::Pending) => {
                (self.new.failures > old.failures || old.status.is_ended()).then_some("task.retried")
            }
            (_, Status::Running) => Some("task.started"),
            (_, ended) => event::of_end(ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(old: Option<(Status, u32)>, new: (Status, u32)) -> Change {
        let standing = |(status, failures)| TaskStanding { status, failures };
        Change {
            key: TaskKey { tenant: Name::of("acme"), id: Uuid::from_u128(7) },
            project: Name::default(),
            queue: Name::default(),
            lane: Name::default(),
            task_type: Name::of("scripted"),
            version: Uuid::from_u128(9),
            at: Timestamp::from_millis(1_790_000_000_000),
            old: old.map(standing),
            new: standing(new),
        }
    }

    #[test]
    fn an_event_tells_of_the_change_and_is_always_the_same() {
        let change = change(Some((Status::Running, 0)), (Status::Completed, 0));
        let event = change.event(BusEvents::Ended).unwrap();
        let said = serde_json::to_value(&event).unwrap();
        let expected = json!({
            "id": said["id"], "tenant": "acme", "type": "task.completed", "time": "2026-09-21T14:13:20.000Z",
            "subject": "00000000-0000-0000-0000-000000000007", "old_status": "running", "new_status": "completed",
            "task_type": "scripted",
        });
        assert_eq!(said, expected);
        assert_eq!(change.event(BusEvents::All), Some(event.clone()));
        let other = Change { version: Uuid::from_u128(10), ..change };
        assert_ne!(other.event(BusEvents::Ended).unwrap().id, event.id);
    }

    #[test]
    fn each_change_has_its_event_and_the_living_are_told_of_by_request() {
        use Status::{Blocked, Cancelled, Completed, Failed, Pending, Running};
        let cases = [
            (None, (Pending, 0), Some("task.enqueued")),
            (Some((Pending, 0)), (Running, 0), Some("task.started")),
            (Some((Running, 0)), (Pending, 1), Some("task.retried")),
            (Some((Running, 1)), (Pending, 1), None), // a snooze, or a loss
            (Some((Failed, 3)), (Pending, 0), Some("task.retried")),
            (Some((Running, 0)), (Completed, 0), Some("task.completed")),
            (Some((Running, 0)), (Failed, 1), Some("task.failed")),
            (Some((Pending, 0)), (Cancelled, 0), Some("task.cancelled")),
            (Some((Running, 0)), (Blocked, 0), Some("task.blocked")),
        ];
        for (old, new, expected) in cases {
            let told = |which| {
                let event = change(old, new).event(which);
                event.map(|event| event.doc["type"].as_str().unwrap().to_owned())
            };
            assert_eq!(told(BusEvents::All).as_deref(), expected, "{old:?} {new:?}");
            assert_eq!(told(BusEvents::Ended).as_deref(), expected.filter(|_| new.0.is_ended()), "{old:?} {new:?}");
        }
    }
}
