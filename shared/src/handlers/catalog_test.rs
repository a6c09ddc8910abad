//! What each task type says of itself, and how its payloads are read.

use serde_json::{Map, Value, json};

use super::{Installation, types};
use errand::{
    InputError, Name, Registry,
    spi::{json::Json, registry::TaskType},
};

/// All that there are.
fn all() -> Registry {
    types(&Installation { scripted: true, ..Installation::default() })
}

fn task_types() -> Vec<TaskType> {
    all().catalog()
}

/// The field to blame and what is wrong with it, if `payload` is not taken.
fn refusal(task_type: &TaskType, payload: &Value) -> Option<(String, String)> {
    match all().accept(&Name::new(&task_type.name).unwrap(), &Json::new(payload)) {
        Ok(_) => None,
        Err(InputError::Payload(error)) => Some((error.field, error.message)),
        Err(error) => panic!("{error}"),
    }
}

fn with(task_type: &TaskType, field: &str, value: Value) -> Value {
    let mut payload = task_type.example.clone();
    payload.as_object_mut().unwrap().insert(field.to_owned(), value);
    payload
}

fn fields(task_type: &TaskType) -> Map<String, Value> {
    task_type.schema["properties"].as_object().unwrap().clone()
}

#[test]
fn every_type_is_described_with_its_fields_and_an_example_that_it_takes() {
    let types = task_types();
    assert_eq!(
        types.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
        all().names().map(Name::as_str).collect::<Vec<_>>()
    );
    for task_type in types {
        let name = &task_type.name;
        assert!(task_type.description.ends_with('.'), "{name} does not say what it does");
        assert!(task_type.example.is_object(), "{name} has no example");
        assert_eq!(refusal(&task_type, &task_type.example), None, "{name}");
        for (field, schema) in fields(&task_type) {
            assert!(schema["description"].is_string(), "{name} does not say what {field} is");
        }
        for field in task_type.example.as_object().unwrap().keys() {
            assert!(fields(&task_type).contains_key(field), "{name} has no {field}");
        }
    }
}

#[test]
fn a_required_field_that_is_missing_is_named() {
    for task_type in task_types() {
        for field in task_type.schema["required"].as_array().into_iter().flatten() {
            let field = field.as_str().unwrap();
            let mut payload = task_type.example.clone();
            payload.as_object_mut().unwrap().remove(field);
            let expected = ("payload".to_owned(), format!("missing field `{field}`"));
            assert_eq!(refusal(&task_type, &payload), Some(expected), "{}", task_type.name);
        }
    }
}

#[test]
fn a_field_of_the_wrong_type_is_named_with_what_was_expected() {
    for task_type in task_types() {
        for (field, schema) in fields(&task_type) {
            if schema.get("type").is_none() && schema.get("anyOf").is_none() && schema.get("enum").is_none() {
                continue; // takes anything
            }
            // An object for whatever is none, and the other way round.
            let object = schema.to_string().contains("\"object\"") || schema.to_string().contains("$ref");
            let wrong = if object { json!(5) } else { json!({"wrong": 1}) };
            let (at, message) = refusal(&task_type, &with(&task_type, &field, wrong)).unwrap_or_default();
            assert_eq!(at, format!("payload.{field}"), "{}: {message}", task_type.name);
            assert!(message.contains("expected"), "{}.{field}: {message}", task_type.name);
        }
    }
}

#[test]
fn a_field_that_no_schema_lists_is_refused() {
    for task_type in task_types() {
        assert_eq!(task_type.schema["additionalProperties"], false, "{}", task_type.name);
        let refusal = refusal(&task_type, &with(&task_type, "x", json!(1)));
        assert_eq!(refusal, Some(("payload.x".into(), "unknown field `x`".into())), "{}", task_type.name);
    }
}

fn accept(task_type: &str, payload: Value) -> Result<(), InputError> {
    all().accept(&Name::new(task_type).unwrap(), &Json::new(&payload)).map(drop)
}

fn refused(task_type: &str, payload: Value) -> (String, String) {
    match accept(task_type, payload).err() {
        Some(InputError::Payload(e)) => (e.field, e.message),
        other => panic!("{:?}", other.map(|error| error.to_string())),
    }
}

#[test]
fn an_unknown_type_is_refused_with_the_known_ones() {
    let error = accept("make_tea", json!({})).err().unwrap();
    assert!(error.to_string().starts_with("unknown task type `make_tea`; known are "), "{error}");
}

#[test]
fn payload_errors_name_the_field() {
    let missing = refused("research_solution", json!({}));
    assert_eq!(missing, ("payload".into(), "missing field `description`".into()));
    let wrong = refused("research_solution", json!({"description": 5}));
    assert_eq!(wrong, ("payload.description".into(), "invalid type: integer `5`, expected a string".into()));
    let unknown = refused("research_solution", json!({"description": "d", "x": 1}));
    assert_eq!(unknown, ("payload.x".into(), "unknown field `x`".into()));
    let not_object = refused("research_solution", json!([1]));
    assert_eq!(not_object, ("payload".into(), "expected an object, found a list".into()));
    // Every field of this one has a default, so serde would take it.
    assert_eq!(refused("scripted", json!([])).0, "payload");
}

#[test]
fn a_stored_payload_may_have_fields_of_another_version() {
    let payload = Json::new(&json!({"description": "d", "x": 1}));
    assert!(all().stored(&Name::of("research_solution"), &payload).is_ok());
}
