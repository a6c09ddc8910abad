//! What there is to know of each task type, for people and programs: read off the types themselves.

use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::handler::Handler;

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

/// What the type `H` tells of itself.
pub(super) fn describe<H: Handler>() -> TaskType {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<H>().to_value();
    if let Some(fields) = schema.as_object_mut() {
        // The name of the Rust type, which is nobody's business.
        fields.remove("title");
    }
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let example = schema.pointer("/examples/0").cloned().unwrap_or_default();
    closed(&mut schema);
    TaskType { name: H::TYPE.to_owned(), description, schema, example }
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
