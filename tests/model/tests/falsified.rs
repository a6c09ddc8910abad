//! The promises hold in every state that can be reached, and of each wrong variant the checker finds what it breaks. Both
//! tests print how far they came; `-- --nocapture` shows it, with the steps that lead to each break.

use std::{collections::BTreeSet, fmt::Debug};

use errand_model_check::{
    GroupModel, TaskModel,
    check::{Found, Walked},
    wrong::Wrong,
};

/// Goes through all that these models can come to. What is to be seen must be seen in one of them.
fn holds<M: Walked + Debug>(models: impl IntoIterator<Item = M>) {
    let mut missed: Option<BTreeSet<&str>> = None;
    for model in models {
        let bounds = format!("{model:?}");
        let found = model.everything(false);
        eprintln!("{bounds}: {} states, {} on the longest way", found.states, found.depth);
        let broken: Vec<_> = found.broken.iter().map(|(promise, steps)| format!("{promise}:\n{steps}")).collect();
        assert!(broken.is_empty(), "{bounds}\n{}", broken.concat());
        missed = Some(missed.map_or(found.missed.clone(), |before| &before & &found.missed));
    }
    assert_eq!(missed, Some(BTreeSet::new()), "these were to be seen somewhere");
}

#[test]
fn what_is_promised_of_a_task_holds_in_every_state() {
    holds(TaskModel::bounded(None));
}

#[test]
fn what_is_promised_of_a_group_holds_in_every_state() {
    holds(GroupModel::bounded(None));
}

/// Whether one of the models breaks the promise; the steps are shown.
fn breaks<M: Walked>(models: impl IntoIterator<Item = M>, wrong: Wrong, promise: &'static str) -> bool {
    let walked = models.into_iter().map(|model| model.until_broken(promise));
    let found =
        walked.into_iter().find_map(|Found { broken, states, .. }| Some((broken.get(promise)?.clone(), states)));
    match &found {
        Some((steps, states)) => eprintln!("{wrong:?}, after {states} states: not so that {promise}:\n{steps}"),
        None => eprintln!("{wrong:?} does not break that {promise}"),
    }
    found.is_some()
}

#[test]
fn each_wrong_variant_of_a_task_breaks_its_promise() {
    let unbroken = Wrong::OF_TASKS
        .into_iter()
        .filter(|(wrong, promise)| !breaks(TaskModel::bounded(Some(*wrong)), *wrong, promise));
    assert_eq!(unbroken.collect::<Vec<_>>(), []);
}

#[test]
fn each_wrong_variant_of_a_group_breaks_its_promise() {
    let unbroken = Wrong::OF_GROUPS
        .into_iter()
        .filter(|(wrong, promise)| !breaks(GroupModel::bounded(Some(*wrong)), *wrong, promise));
    assert_eq!(unbroken.collect::<Vec<_>>(), []);
}
