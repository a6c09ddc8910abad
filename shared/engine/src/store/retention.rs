//! How long what has ended is kept.

use std::{str::FromStr, sync::Arc, time::Duration};

use crate::{ids::Name, lifecycle::Task};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long ended things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Tasks, after their end, for which there is no rule.
    pub tasks: Duration,
    /// Log rows, after they were written.
    pub log: Duration,
    /// Of which tasks it is something else.
    pub rules: RetentionRules,
}

/// How long the ended tasks of some types and queues are kept, as text `type:send_email=7,queue:images=1`, in days. A type's rule
/// goes before its queue's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionRules(Arc<[RetentionRule]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct RetentionRule {
    of: RuleOf,
    kept: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RuleOf {
    Type(Name),
    Queue(Name),
}

impl Retention {
    /// How many days tasks are kept, unless configured otherwise.
    pub const TASK_DAYS: u32 = 30;

    /// How many days log rows are kept, unless configured otherwise.
    pub const LOG_DAYS: u32 = 90;

    /// So many days, whatever the task.
    pub fn of_days(tasks: u32, log: u32) -> Self {
        Self { tasks: DAY * tasks, log: DAY * log, rules: RetentionRules::default() }
    }

    /// How long `task` is kept once it has ended: as its type's rule says, or else its queue's, or else as any task.
    pub fn of(&self, task: &Task) -> Duration {
        self.of_named(task.task_type.as_str(), task.queue.as_str())
    }

    /// The same, of a task of this type in this queue.
    pub fn of_named(&self, task_type: &str, queue: &str) -> Duration {
        self.ruled(task_type, queue).unwrap_or(self.tasks)
    }

    /// Whether there is a rule for `task`.
    pub fn has_rule_for(&self, task: &Task) -> bool {
        self.ruled(task.task_type.as_str(), task.queue.as_str()).is_some()
    }

    fn ruled(&self, task_type: &str, queue: &str) -> Option<Duration> {
        let RetentionRules(rules) = &self.rules;
        let of_type = rules.iter().find(|rule| matches!(&rule.of, RuleOf::Type(name) if name.as_str() == task_type));
        let of_queue = || rules.iter().find(|rule| matches!(&rule.of, RuleOf::Queue(name) if name.as_str() == queue));
        of_type.or_else(of_queue).map(|rule| rule.kept)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::of_days(Self::TASK_DAYS, Self::LOG_DAYS)
    }
}

impl FromStr for RetentionRules {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rules: Vec<RetentionRule> = Vec::new();
        for rule in text.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            let read: RetentionRule = rule.parse()?;
            if rules.iter().any(|one| one.of == read.of) {
                return Err(format!("{rule:?} is the second rule for the same"));
            }
            rules.push(read);
        }
        Ok(Self(rules.into()))
    }
}

impl FromStr for RetentionRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || {
            let (of, days) = text.split_once('=')?;
            let (kind, name) = of.split_once(':')?;
            let name = Name::new(name).ok()?;
            let of = match kind {
                "type" => RuleOf::Type(name),
                "queue" => RuleOf::Queue(name),
                _ => return None,
            };
            Some(Self { of, kept: DAY * days.parse().ok()? })
        };
        rule().ok_or_else(|| format!("{text:?} is no rule: expected type:NAME=DAYS or queue:NAME=DAYS"))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{clock::Timestamp, ids::TaskKey, json::Json, lifecycle::Asked};

    fn task(task_type: &str, queue: &str) -> Task {
        let key = TaskKey { tenant: Name::default(), id: Uuid::from_u128(1) };
        let (now, payload) = (Timestamp::default(), Json::new(&"x".into()));
        let new = Asked::of_type(key, Name::new(task_type).unwrap(), payload, "me".into(), now);
        Task::accept(Asked { queue: Name::new(queue).unwrap(), ..new }, Uuid::from_u128(2), now)
    }

    #[test]
    fn a_types_rule_goes_before_its_queues_and_both_before_what_holds_for_all() {
        let rules = "queue:mail=2, type:send=400,type:drop=0,".parse().unwrap();
        let kept = Retention { rules, ..Retention::of_days(30, 90) };
        let days = |task_type, queue| kept.of(&task(task_type, queue)).as_secs() / 86_400;
        assert_eq!(
            [days("send", "mail"), days("drop", "other"), days("x", "mail"), days("x", "send")],
            [400, 0, 2, 30]
        );
    }

    #[test]
    fn what_is_no_rule_is_said() {
        for text in ["send=3", "type:send", "type:send=-1", "type:se nd=1", "lane:x=1", "type:=1"] {
            assert!(text.parse::<RetentionRules>().unwrap_err().starts_with(&format!("{text:?} is no rule")), "{text}");
        }
        let twice = "type:a=1,queue:a=1,type:a=2".parse::<RetentionRules>().unwrap_err();
        assert_eq!(twice, "\"type:a=2\" is the second rule for the same");
    }
}
