//! Whether answers are as the OpenAPI document says: of no other status, and with no other field.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock, Mutex},
};

use errand_http::Route;
use futures::FutureExt;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::{
    events::{Answered, Call},
    world::World,
};

/// The document, as the status function answers it.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let (app, event) = (World::new().app, Call::get("/v1/openapi.json").event());
    let answer = status::http(&app, event).now_or_never().expect("it waits for nothing");
    Answered::from(answer).body(200)
});

/// Checks what `info` has answered.
pub fn assert_described(info: &Route, status: u16, body: &Value) {
    type Made = HashMap<(&'static str, u16), Arc<Validator>>;
    static VALIDATORS: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let known = VALIDATORS.lock().unwrap().get(&(info.name, status)).cloned();
    let validator = known.unwrap_or_else(|| {
        let made = Arc::new(validator(info, status));
        VALIDATORS.lock().unwrap().insert((info.name, status), made.clone());
        made
    });
    let wrong: Vec<String> = validator.iter_errors(body).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(wrong.is_empty(), "{} {status} is not as described: {wrong:#?}\n{body:#}", info.key());
}

/// The schema of each answer that `info` may give, by its status.
pub fn answers(info: &Route) -> BTreeMap<u16, &'static Value> {
    let answers = DOCUMENT["paths"][info.path][info.method.to_lowercase()]["responses"].as_object().unwrap();
    let schema = |answer: &'static Value| &answer["content"]["application/json"]["schema"];
    answers.iter().map(|(status, answer)| (status.parse().unwrap(), schema(answer))).collect()
}

fn validator(info: &Route, status: u16) -> Validator {
    static COMPONENTS: LazyLock<Value> = LazyLock::new(|| {
        let mut named = DOCUMENT["components"]["schemas"].clone();
        named.as_object_mut().unwrap().values_mut().for_each(closed);
        named
    });
    let schema = answers(info).remove(&status);
    let mut schema = schema.unwrap_or_else(|| panic!("{} may not answer {status}", info.key())).clone();
    closed(&mut schema);
    let whole = json!({"allOf": [schema], "components": {"schemas": *COMPONENTS}});
    jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap()
}

/// Answers may have more fields one day; today they have those that are described, or the document is behind.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(fields) if fields.contains_key("properties") => {
            if !fields.contains_key("additionalProperties") {
                fields.insert("unevaluatedProperties".to_owned(), false.into());
            }
            // Variants beside the properties are of the same object, which is closed already.
            let variants = fields.get("oneOf").and_then(Value::as_array).cloned();
            let variants = variants.map(|variants| variants.into_iter().map(closed_within).collect::<Vec<_>>());
            fields.values_mut().filter(|value| !value.is_array()).for_each(closed);
            fields.extend(variants.map(|variants| ("oneOf".to_owned(), variants.into())));
        }
        Value::Object(fields) => fields.values_mut().for_each(closed),
        Value::Array(items) => items.iter_mut().for_each(closed),
        _ => {}
    }
}

fn closed_within(mut variant: Value) -> Value {
    if let Some(properties) = variant.get_mut("properties") {
        closed(properties);
    }
    variant
}
