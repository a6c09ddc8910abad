//! Tables of every state against every action, for snapshots that are reviewed like code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use errand::Entity;

/// What differs, field by field.
fn changes<E: Entity>(before: &E, after: &E) -> String {
    let (before, after) = (before.doc(), after.doc());
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or("-".into(), ToString::to_string);
    let differ = fields.into_iter().filter(|field| before.get(*field) != after.get(*field));
    let parts: Vec<String> =
        differ.map(|f| format!("{f} {} → {}", shown(before.get(f)), shown(after.get(f)))).collect();
    if parts.is_empty() { "nothing".into() } else { parts.join(" | ") }
}

/// A table of every state against every action; `apply` answers the state after, or why not.
pub(super) fn table<E: Entity, A: Clone, R: ToString>(
    states: Vec<(String, E)>,
    actions: &[(String, A)],
    apply: impl Fn(&E, A) -> Result<E, R>,
) -> String {
    let mut table = String::new();
    for (name, state) in states {
        writeln!(table, "\n== {name} ==").unwrap();
        let mut refused: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (action_name, action) in actions {
            match apply(&state, action.clone()) {
                Ok(after) => writeln!(table, "{action_name}: {}", changes(&state, &after)).unwrap(),
                Err(why) => refused.entry(why.to_string()).or_default().push(action_name),
            }
        }
        for (why, actions) in refused {
            writeln!(table, "REFUSED, {why}: {}", actions.join("; ")).unwrap();
        }
    }
    table
}
