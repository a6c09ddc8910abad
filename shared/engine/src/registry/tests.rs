use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::handler::{Failure, Handler, Outcome, TaskContext};

/// Adds.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Add {
    /// To this.
    to: i64,
}

impl Handler for Add {
    const TYPE: &'static str = "add";
    type State = i64;

    async fn handle(&self, _: &TaskContext<'_>, more: &i64) -> Result<Outcome, Failure> {
        Ok(Outcome::done((self.to + more).into()))
    }
}

/// The same name.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Addition {}

impl Handler for Addition {
    const TYPE: &'static str = "add";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(Value::Null))
    }
}

/// No name.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Nameless {}

impl Handler for Nameless {
    const TYPE: &'static str = "no name";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(Value::Null))
    }
}

fn wrong(registry: Registry) -> String {
    registry.checked().err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_doubled_name_is_an_error_that_names_both_types() {
    let both = Registry::new().add::<Add>(1).add::<Addition>(());
    let merged = Registry::new().add::<Add>(1).merge(Registry::new().add_off::<Addition>((), "are off"));
    for doubled in [both, merged] {
        let said = wrong(doubled);
        assert!(said.starts_with("two task types are named `add`: "), "{said}");
        assert!(said.contains("tests::Add ") && said.ends_with("tests::Addition"), "{said}");
    }
    let kinds = Registry::new().shown("mark").merge(Registry::new().shown("mark"));
    assert!(wrong(kinds).starts_with("two kinds of records are named `mark`"));
}

#[test]
fn a_bad_name_is_an_error_that_names_the_type() {
    let said = wrong(Registry::new().add::<Nameless>(()));
    assert!(said.contains("tests::Nameless is named `no name`: "), "{said}");
    assert!(wrong(Registry::new().shown("a kind")).contains("`a kind`"));
}

#[test]
fn what_is_merged_is_there_with_its_state() {
    let merged = Registry::new().with(7_u8).merge(Registry::new().add::<Add>(1).with("words"));
    let merged = merged.checked().unwrap();
    assert_eq!((merged.state::<u8>(), merged.state::<&str>(), merged.state::<i8>()), (Some(&7), Some(&"words"), None));
    assert!(merged.accept(&Name::of("add"), &Json::new(&json!({"to": 1}))).is_ok());
}

#[test]
fn a_type_that_is_off_is_known_and_not_taken() {
    let registry = Registry::new().add_off::<Add>(1, "are off");
    assert!(registry.knows(&Name::of("add")));
    for read in [Registry::accept, Registry::stored] {
        let error = read(&registry, &Name::of("add"), &Json::new(&json!({"to": 1}))).err().unwrap();
        assert_eq!(error.to_string(), "tasks of the type `add` are off");
    }
    assert_eq!(registry.catalog().len(), 1, "it is shown all the same");
}
