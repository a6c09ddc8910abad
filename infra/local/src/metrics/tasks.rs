//! What becomes of tasks, by type and outcome, under the names that CloudWatch knows.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use errand::{
    Name,
    spi::{
        lifecycle::log::LogOutcome,
        meter::{CLAIM_CONFLICTS, CountedRow, DEAD_LETTERS, LEASE_LOSSES, Meter, POLLS, REAPS, UNREADABLE},
    },
};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

use super::{OTHER, registered};

/// How many types that are not compiled in have a name of their own: those that were met first.
const MOST_REGISTERED: usize = 100;

/// Seconds by which executions are told apart.
const HANDLED_S: [f64; 12] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0, 300.0, 900.0, 3600.0];

/// What has nothing more to say of itself than that it happened: its name on CloudWatch, here, and what it is.
const PLAIN: [(&str, &str, &str); 6] = [
    (CLAIM_CONFLICTS, "errand_claim_conflicts_total", "Messages whose task another worker held"),
    (LEASE_LOSSES, "errand_lease_losses_total", "Workers that came back after they were given up on"),
    (REAPS, "errand_reaps_total", "Executions that were ended because their worker was lost"),
    (DEAD_LETTERS, "errand_dead_letters_total", "Dead letters sent: tasks that failed for good"),
    (UNREADABLE, "errand_unreadable_total", "Messages that name no task"),
    (POLLS, "errand_polls_total", "Polls that came to their end or got something done"),
];

/// See the module.
pub(super) struct Tasks {
    plain: Vec<(&'static str, IntCounter)>,
    by_type: Families,
    types: RwLock<Types>,
    other: Arc<OfType>,
}

/// What is counted of each type.
struct Families {
    executions: IntCounterVec,
    retries: IntCounterVec,
    failures: IntCounterVec,
    time: HistogramVec,
}

/// The types that have a name of their own, and how many of these are not compiled in.
#[derive(Default)]
struct Types {
    named: HashMap<Name, Arc<OfType>>,
    registered: usize,
}

/// What is counted of one type. All of it is there from the first on: of a count that begins at one, nobody sees it rise.
struct OfType {
    executions: HashMap<LogOutcome, IntCounter>,
    retries: IntCounter,
    failures: IntCounter,
    time: Histogram,
}

impl Tasks {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let time = HistogramOpts::new("errand_handle_time_seconds", "From claim to settlement");
        let by_type = Families {
            executions: counter("errand_executions_total", "Executions that ended", &["task_type", "outcome"])?,
            retries: counter(
                "errand_retries_total",
                "Executions that failed and are followed by another try",
                &["task_type"],
            )?,
            failures: counter("errand_failures_total", "Tasks that failed for good", &["task_type"])?,
            time: registered(registry, HistogramVec::new(time.buckets(HANDLED_S.to_vec()), &["task_type"])?)?,
        };
        let plain = PLAIN.map(|(metric, name, help)| Ok((metric, registered(registry, IntCounter::new(name, help)?)?)));
        let plain = plain.into_iter().collect::<prometheus::Result<_>>()?;
        let other = Arc::new(by_type.of(OTHER));
        Ok(Self { plain, by_type, types: RwLock::default(), other })
    }

    /// What is counted of a type.
    fn of(&self, task_type: &Name, compiled_in: bool) -> Arc<OfType> {
        let known = self.types.read().unwrap_or_else(PoisonError::into_inner).known(task_type, compiled_in);
        match known {
            Known::Named(of) => of,
            Known::Crowded => self.other.clone(),
            Known::New => self.name(task_type, compiled_in),
        }
    }

    /// Gives a type a name of its own, if it may have one.
    fn name(&self, task_type: &Name, compiled_in: bool) -> Arc<OfType> {
        let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        match types.known(task_type, compiled_in) {
            Known::Named(of) => of,
            Known::Crowded => self.other.clone(),
            Known::New => {
                let of = Arc::new(self.by_type.of(task_type.as_str()));
                types.registered += usize::from(!compiled_in);
                types.named.insert(task_type.clone(), of.clone());
                of
            }
        }
    }
}

/// Whether a type has a name of its own.
enum Known {
    Named(Arc<OfType>),
    /// It has none, and there is no room for more.
    Crowded,
    New,
}

impl Types {
    fn known(&self, task_type: &Name, compiled_in: bool) -> Known {
        match self.named.get(task_type) {
            Some(of) => Known::Named(of.clone()),
            None if !compiled_in && self.registered >= MOST_REGISTERED => Known::Crowded,
            None => Known::New,
        }
    }
}

impl Families {
    fn of(&self, task_type: &str) -> OfType {
        let ended = |outcome: LogOutcome| (outcome, self.executions.with_label_values(&[task_type, outcome.as_str()]));
        OfType {
            executions: LogOutcome::ALL.map(ended).into(),
            retries: self.retries.with_label_values(&[task_type]),
            failures: self.failures.with_label_values(&[task_type]),
            time: self.time.with_label_values(&[task_type]),
        }
    }
}

impl Meter for Tasks {
    fn count(&self, metric: &'static str) {
        if let Some((_, counter)) = self.plain.iter().find(|(name, _)| *name == metric) {
            counter.inc();
        }
    }

    fn row(&self, row: &CountedRow<'_>) {
        let of = self.of(row.task_type, row.compiled_in);
        if let (true, Some(ended)) = (row.is_execution, of.executions.get(&row.outcome)) {
            ended.inc();
        }
        match row.outcome {
            LogOutcome::Retry => of.retries.inc(),
            LogOutcome::Failed => of.failures.inc(),
            _ => {}
        }
        if row.is_reaped {
            self.count(REAPS);
        }
        if let Some(took) = row.took {
            of.time.observe(took.as_secs_f64());
        }
    }

    fn polled(&self, _: u64) {
        // How long what has been due longest has been due is read when it is asked for, of each queue.
        self.count(POLLS);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use errand::spi::meter::{ALL, OLDEST_DUE};

    use super::*;

    fn row(task_type: &Name, compiled_in: bool) -> CountedRow<'_> {
        let outcome = LogOutcome::Completed;
        CountedRow { task_type, compiled_in, is_execution: true, outcome, took: None, is_reaped: false }
    }

    fn types(registry: &Registry) -> BTreeSet<String> {
        let families = registry.gather().into_iter().filter(|family| family.name() == "errand_executions_total");
        let metrics = families.flat_map(|family| family.get_metric().to_vec());
        let labels = metrics.flat_map(|metric| metric.get_label().to_vec());
        labels.filter(|label| label.name() == "task_type").map(|label| label.value().to_owned()).collect()
    }

    #[test]
    fn the_101st_registered_type_is_counted_as_other_and_a_compiled_in_one_never_is() {
        let registry = Registry::new();
        let tasks = Tasks::new(&registry).unwrap();
        let name = |n: usize| Name::new(&format!("made_{n}")).unwrap();
        for n in 0..=MOST_REGISTERED {
            tasks.row(&row(&name(n), false));
            tasks.row(&row(&name(n), false));
        }
        tasks.row(&row(&Name::of("compiled_in"), true));
        let all = types(&registry);
        assert_eq!(all.len(), MOST_REGISTERED + 2, "{all:?}");
        assert!(all.contains("made_99") && !all.contains("made_100"), "{all:?}");
        let completed = |task_type: &str| tasks.by_type.executions.with_label_values(&[task_type, "completed"]).get();
        assert_eq!((completed("made_99"), completed(OTHER), completed("compiled_in")), (2, 2, 1));
    }

    #[test]
    fn each_metric_of_cloudwatch_has_its_namesake() {
        let registry = Registry::new();
        let tasks = Tasks::new(&registry).unwrap();
        tasks.row(&row(&Name::of("a"), true));
        let there: BTreeSet<String> = registry.gather().iter().map(|family| family.name().to_owned()).collect();
        let ends = ["_total", "_seconds"];
        for metric in ALL.into_iter().filter(|metric| *metric != OLDEST_DUE) {
            let words = metric.chars().map(|c| if c.is_uppercase() { format!("_{c}") } else { c.to_string() });
            let name = format!("errand{}", words.collect::<String>().to_lowercase());
            assert!(ends.iter().any(|end| there.contains(&format!("{name}{end}"))), "{name} is not in {there:?}");
        }
    }
}
