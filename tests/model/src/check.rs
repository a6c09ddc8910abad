//! Walks through a model, and says how far it came.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    hash::Hash,
    io::{self, Write},
};

use stateright::{
    Checker, HasDiscoveries, Model,
    report::{ReportData, ReportDiscovery, Reporter},
};

/// How many walk at the same time.
const THREADS: usize = 2;

/// What a walk has found.
#[derive(Debug)]
pub struct Found {
    /// States that it came to, each counted once.
    pub states: usize,
    /// The states on the longest way.
    pub depth: usize,
    /// The promises that are broken, each with steps that break it.
    pub broken: BTreeMap<&'static str, String>,
    /// What was to come to pass, and did nowhere.
    pub missed: BTreeSet<&'static str>,
}

/// A state that a checker can keep.
pub trait Walkable: Hash + Clone + PartialEq + Debug + Send + Sync + 'static {}
impl<S: Hash + Clone + PartialEq + Debug + Send + Sync + 'static> Walkable for S {}

/// A model that can be walked through.
pub trait Walked: Model<State: Walkable, Action: Clone + PartialEq + Debug> + Send + Sync + 'static {
    /// `action` as somebody would tell it who sees the state before.
    fn told(before: &Self::State, action: &Self::Action) -> String;

    /// Goes through every state that can be reached; `aloud`: tells each second on the standard output how far it has come.
    fn everything(self, aloud: bool) -> Found {
        // Nothing that it finds ends it early.
        let checker = self.checker().threads(THREADS).finish_when(HasDiscoveries::All);
        match aloud {
            true => found(checker.spawn_bfs().report(&mut Progress)),
            false => found(checker.spawn_bfs().join()),
        }
    }

    /// Goes on until the promise of this name is broken, the nearest states first.
    fn until_broken(self, promise: &'static str) -> Found {
        let checker = self.checker().finish_when(HasDiscoveries::AnyOf([promise].into()));
        found(checker.spawn_bfs().join())
    }
}

/// A line each second. What was found is told at the end, by who asked.
struct Progress;

impl<M: Model> Reporter<M> for Progress {
    fn report_checking(&mut self, data: ReportData) {
        let ReportData { unique_states, max_depth, duration, .. } = data;
        // Nobody reads it: nothing is lost.
        let _ = writeln!(io::stdout(), "{} s: {unique_states} states, {max_depth} deep", duration.as_secs());
    }

    fn report_discoveries(&mut self, _: &M, _: BTreeMap<&'static str, ReportDiscovery<M>>)
    where
        M::Action: Debug + PartialEq,
        M::State: Debug + Hash + PartialEq,
    {
    }
}

fn found<M: Walked>(checker: impl Checker<M>) -> Found {
    let properties = checker.model().properties().into_iter();
    let (promises, sights): (Vec<_>, Vec<_>) = properties.partition(|it| it.expectation.discovery_is_failure());
    let mut seen = checker.discoveries();
    let broken = promises.iter().filter_map(|it| Some((it.name, steps::<M>(seen.remove(it.name)?.into_vec()))));
    Found {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        broken: broken.collect(),
        missed: sights.iter().map(|it| it.name).filter(|name| !seen.contains_key(name)).collect(),
    }
}

fn steps<M: Walked>(path: Vec<(M::State, Option<M::Action>)>) -> String {
    let told = path.iter().filter_map(|(before, action)| Some(M::told(before, action.as_ref()?)));
    told.map(|step| format!("  {step}\n")).collect()
}
