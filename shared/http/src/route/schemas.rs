//! The schemas of bodies and answers, read off the types that are read and written.

use errand::{Name, Registry};
use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

/// Schemas asked for so far; each named one stands once, and is referred to.
pub struct Schemas<'r> {
    /// The task types and record kinds there are.
    pub(crate) types: &'r Registry,
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

/// Of schemas that refer to components of the document.
fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

/// What is read as a `T` that has no name.
pub(super) fn inline<T: JsonSchema>() -> Value {
    generator(Contract::Deserialize).subschema_for::<T>().to_value()
}

impl<'r> Schemas<'r> {
    pub(crate) fn new(types: &'r Registry) -> Self {
        Self { types, requests: generator(Contract::Deserialize), answers: generator(Contract::Serialize) }
    }

    /// What is read as a `T`.
    pub fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// What a `T` is written as.
    pub fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// Every named schema.
    pub(crate) fn components(mut self) -> Map<String, Value> {
        let payloads = self.types.payloads(&mut self.requests);
        let mut named = self.requests.take_definitions(true);
        payload_by_type(payloads, &mut named);
        named.values_mut().for_each(|request| {
            closed(request);
            optional(request);
        });
        for (name, mut answer) in self.answers.take_definitions(true) {
            if named.contains_key(&name) {
                // What is also read is written without other fields, too.
                closed(&mut answer);
                optional(&mut answer);
            }
            match named.get(&name) {
                // One type, and two shapes of it: the name is the request's. A test finds that nothing refers to the other.
                Some(request) if *request != answer => named.insert(format!("{name}Answered"), answer),
                _ => named.insert(name, answer),
            };
        }
        named
    }
}

/// Says of each task type which payload it takes. Those that are records may take any.
fn payload_by_type(payloads: Vec<(&Name, Schema)>, named: &mut Map<String, Value>) {
    let compiled_in: Vec<&Name> = payloads.iter().map(|(name, _)| *name).collect();
    let of_another = json!({"properties": {"task_type": {"not": {"enum": compiled_in}}}});
    let of_type =
        |(name, payload): (&Name, Schema)| json!({"properties": {"task_type": {"const": name}, "payload": payload}});
    let of_type: Vec<Value> = payloads.into_iter().map(of_type).chain([of_another]).collect();
    if let Some(request) = named.get_mut("TaskRequest").and_then(Value::as_object_mut) {
        request.insert("oneOf".to_owned(), of_type.into());
    }
}

/// Bodies are read strictly: a field that a schema does not list is refused.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // A part that only adds fields to another schema has no type, and must not close that.
            if fields.get("type").is_some_and(is_object) {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            fields.iter_mut().filter(|(key, _)| *key != "examples").for_each(|(_, value)| closed(value));
        }
        Value::Array(items) => items.iter_mut().for_each(closed),
        _ => {}
    }
}

/// What may be absent from a body says what it is then in its description. Generators take a property with a `default` for one
/// that is always there, and would ask whoever writes a request to name all of them.
fn optional(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let required = fields.get("required").cloned().unwrap_or_default();
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                for (name, property) in properties {
                    let may_be_absent = !required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
                    if let Some(property) = property.as_object_mut().filter(|_| may_be_absent) {
                        said(property);
                    }
                }
            }
            fields.iter_mut().filter(|(key, _)| *key != "examples").for_each(|(_, value)| optional(value));
        }
        Value::Array(items) => items.iter_mut().for_each(optional),
        _ => {}
    }
}

/// Moves a property's default into its description, unless that says it or it is nothing.
fn said(property: &mut Map<String, Value>) {
    let Some(default) = property.remove("default") else { return };
    let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
    if !default.is_null() && !description.contains("if absent") {
        let said =
            format!("{description} `{}` if absent.", default.as_str().map_or(default.to_string(), str::to_owned));
        property.insert("description".to_owned(), said.trim_start().into());
    }
}

/// Whether it is the type of an object, or of one that may be null.
fn is_object(of: &Value) -> bool {
    of == "object" || of.as_array().is_some_and(|types| types.iter().any(is_object))
}
