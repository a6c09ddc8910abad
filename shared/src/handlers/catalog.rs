//! What there is to know of each task type, for people and programs: read off the types themselves.

use std::{collections::HashSet, sync::LazyLock};

use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::TaskInput;
use crate::{ids::Name, json::Json};

/// A task type as `GET /v1/task-types` answers it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TaskType {
    /// Its name on the wire.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its payload.
    pub schema: Value,
    /// A payload that it takes.
    pub example: Value,
}

/// Every task type, by name.
pub fn task_types() -> Vec<TaskType> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let all = settings.into_generator().into_root_schema_for::<TaskInput>().to_value();
    // One variant for each type: `{"properties": {"<name>": <schema of the payload>}}`.
    let variants = all.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let properties = variants.filter_map(|variant| variant.get("properties")?.as_object()?.iter().next());
    let mut types: Vec<TaskType> =
        properties.map(|(name, schema)| one(name, schema.clone(), all.get("$defs"))).collect();
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

/// Whether `task_type` says that its tasks are slow. Asked of each message that is sent, so it is read off once.
pub(crate) fn is_slow(task_type: &Name) -> bool {
    static SLOW: LazyLock<HashSet<Name>> = LazyLock::new(|| {
        let named = |task_type: TaskType| Some((Name::new(&task_type.name).ok()?, Json::new(&task_type.example)));
        let is_slow = |(name, example): &(Name, Json)| {
            TaskInput::accept(name, example).is_ok_and(|input| input.handler().settings().is_slow)
        };
        task_types().into_iter().filter_map(named).filter(is_slow).map(|(name, _)| name).collect()
    });
    SLOW.contains(task_type)
}

fn one(name: &str, mut schema: Value, defs: Option<&Value>) -> TaskType {
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let example = schema.pointer("/examples/0").cloned().unwrap_or_default();
    // A type whose payload holds another of its kind refers to itself by name.
    let refers = schema.to_string().contains("#/$defs/");
    if let (Some(fields), Some(defs)) = (schema.as_object_mut(), defs.filter(|_| refers)) {
        fields.insert("$defs".to_owned(), defs.clone());
    }
    closed(&mut schema);
    TaskType { name: name.to_owned(), description, schema, example }
}

/// Payloads are read strictly: a field that a schema does not list is refused.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            fields.iter_mut().filter(|(key, _)| *key != "examples").for_each(|(_, value)| closed(value));
        }
        Value::Array(items) => items.iter_mut().for_each(closed),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::handlers::InputError;

    /// The field to blame and what is wrong with it, if `payload` is not taken.
    fn refusal(task_type: &TaskType, payload: &Value) -> Option<(String, String)> {
        match TaskInput::accept(&Name::new(&task_type.name).unwrap(), &Json::new(payload)) {
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
        assert_eq!(types.iter().map(|t| t.name.clone()).collect::<Vec<_>>(), TaskInput::known());
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
}
