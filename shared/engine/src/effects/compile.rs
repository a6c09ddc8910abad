//! From effects to what a store writes: one write for each record, and which effects it came from.

use crate::{
    clock::Timestamp,
    effects::{Action, Effect, Relations},
    event,
    ids::{self, Name, TaskKey},
    lifecycle::Task,
    store::{Expect, Part, Patch, Record, RecordKey, RecordWrite},
};

/// Effects as a commit carries them.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// One write for each record.
    pub records: Vec<RecordWrite>,
    /// The follow-up tasks.
    pub tasks: Vec<Task>,
    /// Which tasks to wake then.
    pub wakes: Vec<TaskKey>,
    /// Where they came from.
    pub sources: Sources,
}

/// Which effects, by their places, each part of a commit came from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    records: Vec<Vec<usize>>,
    tasks: Vec<usize>,
}

/// Folds `effects` into writes for `tenant`. Later effects on a record build on earlier ones.
pub(crate) fn compile<'e>(effects: impl IntoIterator<Item = &'e Effect>, tenant: &Name, now: Timestamp) -> Compiled {
    let mut out = Compiled::default();
    for (source, effect) in effects.into_iter().enumerate() {
        for action in &effect.actions {
            match action.clone() {
                Action::Put { kind, id, doc, relations, expires_at, expect } => {
                    let key = RecordKey { tenant: tenant.clone(), kind, id };
                    let Relations { parent, owner } = relations;
                    let record = Box::new(Record { parent, owner, expires_at, ..Record::new(key, doc, now) });
                    out.add(RecordWrite::Put { record, expect }, source);
                }
                Action::Patch { kind, id, patch, expect } => {
                    let key = RecordKey { tenant: tenant.clone(), kind, id };
                    out.add(
                        RecordWrite::Patch { key, patch: Box::new(patch), expect, version: ids::fresh(), at: now },
                        source,
                    );
                }
                Action::Write(write) => out.add(*write, source),
                Action::Publish(event) => out.add(event::put(event, tenant, now), source),
                // The same follow-up twice is one.
                Action::Enqueue(asked) if out.tasks.iter().any(|there| there.is_same_request(&asked)) => {}
                Action::Enqueue(asked) => {
                    out.tasks.push(Task::accept(asked, ids::fresh(), now));
                    out.sources.tasks.push(source);
                }
                Action::Wake(id) => out.wakes.push(TaskKey { tenant: tenant.clone(), id }),
            }
        }
    }
    out
}

impl Sources {
    /// The effects that `part` of the commit came from.
    pub(crate) fn of(&self, part: Part) -> &[usize] {
        match part {
            Part::Task | Part::Log => &[],
            Part::Record(n) => self.records.get(n).map_or(&[], Vec::as_slice),
            Part::NewTask(n) => self.tasks.get(n..=n).unwrap_or_default(),
        }
    }
}

impl Compiled {
    fn add(&mut self, write: RecordWrite, source: usize) {
        // There are few: a commit has a hundred items at the most.
        let place = self.records.iter().position(|there| there.key() == write.key()).unwrap_or(self.records.len());
        match (self.records.get_mut(place), self.sources.records.get_mut(place)) {
            (Some(earlier), Some(sources)) => {
                fold(earlier, write);
                sources.push(source);
            }
            _ => {
                self.records.push(write);
                self.sources.records.push(vec![source]);
            }
        }
    }
}

/// Makes `earlier` the one write that does what it and then `later` would do.
fn fold(earlier: &mut RecordWrite, later: RecordWrite) {
    match (&mut *earlier, later) {
        (RecordWrite::Put { record, .. }, RecordWrite::Put { record: newer, .. }) => *record = newer,
        (RecordWrite::Put { record, .. }, later @ RecordWrite::Patch { .. }) => {
            let folded = later.result(Some((**record).clone()));
            **record = folded.unwrap_or_else(|| (**record).clone());
        }
        (RecordWrite::Patch { expect, .. } | RecordWrite::Delete { expect, .. }, RecordWrite::Put { record, .. }) => {
            *earlier = RecordWrite::Put { record, expect: *expect };
        }
        (RecordWrite::Put { expect, .. } | RecordWrite::Patch { expect, .. }, RecordWrite::Delete { key, .. }) => {
            *earlier = RecordWrite::Delete { key, expect: *expect };
        }
        // Of what is removed there is nothing to change, or to remove again.
        (RecordWrite::Delete { .. }, RecordWrite::Patch { .. } | RecordWrite::Delete { .. }) => {}
        (RecordWrite::Patch { patch, expect, .. }, RecordWrite::Patch { patch: newer, expect: theirs, .. }) => {
            merge(patch, *newer);
            if *expect == Expect::Any {
                *expect = theirs;
            }
        }
    }
}

fn merge(patch: &mut Patch, newer: Patch) {
    for (field, by) in newer.add {
        match patch.set.get_mut(&field).and_then(|v| v.as_i64().map(|old| (v, old))) {
            Some((value, old)) => *value = old.saturating_add(by).into(),
            None => *patch.add.entry(field).or_default() += by,
        }
    }
    for (field, value) in newer.set {
        patch.add.remove(&field);
        patch.set.insert(field, value);
    }
    patch.parent = newer.parent.or(patch.parent.take());
    patch.owner = newer.owner.or(patch.owner.take());
    patch.wake_at = newer.wake_at.or(patch.wake_at.take());
    patch.expires_at = newer.expires_at.or(patch.expires_at);
    patch.guards.extend(newer.guards);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::Id;

    fn name(s: &str) -> Name {
        Name::new(s).unwrap()
    }

    fn patch(set: serde_json::Value, add: &[(&str, i64)]) -> Effect {
        let set = set.as_object().unwrap().clone();
        let add = add.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
        Effect::patch(name("user"), Id::new("u").unwrap(), Patch { set, add, ..Patch::default() }, Expect::Any)
    }

    #[test]
    fn effects_on_one_record_are_one_write() {
        let effects =
            [patch(json!({"a": 1, "n": 5}), &[("c", 2)]), patch(json!({"b": 2, "a": 3}), &[("c", 3), ("n", 1)])];
        let compiled = compile(&effects, &name("t"), Timestamp::default());
        let [RecordWrite::Patch { patch, .. }] = compiled.records.as_slice() else { panic!("{compiled:?}") };
        assert_eq!(serde_json::Value::from(patch.set.clone()), json!({"a": 3, "b": 2, "n": 6}));
        assert_eq!(patch.add, [("c".to_owned(), 5)].into());
        assert_eq!(compiled.sources.of(Part::Record(0)), [0, 1]);
    }

    #[test]
    fn a_patch_after_a_put_is_part_of_the_put() {
        let doc = json!({"a": 1}).as_object().unwrap().clone();
        let put =
            Effect::put(name("user"), Id::new("u").unwrap(), doc, super::super::Relations::default(), Expect::Absent);
        let compiled = compile(&[put, patch(json!({"a": null, "b": 2}), &[])], &name("t"), Timestamp::default());
        let [RecordWrite::Put { record, expect: Expect::Absent }] = compiled.records.as_slice() else { panic!() };
        assert_eq!(serde_json::Value::from(record.doc.clone()), json!({"b": 2}));
    }

    #[test]
    fn the_same_follow_up_twice_is_one_and_another_is_another() {
        let asked = |id: u128, kind: &'static str, payload: i32| {
            let key = crate::ids::TaskKey { tenant: name("t"), id: uuid::Uuid::from_u128(id) };
            let payload = crate::json::Json::new(&json!({ "n": payload }));
            let now = Timestamp::default();
            Effect::enqueue(crate::lifecycle::Asked::of_type(key, Name::of(kind), payload, "me".into(), now))
        };
        let tasks = |other| compile(&[asked(1, "a", 1), other], &name("t"), Timestamp::default()).tasks.len();
        assert_eq!(tasks(asked(1, "a", 1)), 1);
        assert_eq!([tasks(asked(2, "a", 1)), tasks(asked(1, "b", 1)), tasks(asked(1, "a", 2))], [2, 2, 2]);
    }
}
