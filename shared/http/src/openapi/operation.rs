//! One route's description as JSON.

use serde_json::{Map, Value, json};

use crate::route::{ErrorAnswer, Route, Schemas, in_path, retry_after, tenant};

/// What the table says of a route, and what all routes share.
pub(super) fn operation(route: &Route, schemas: &mut Schemas<'_>) -> Value {
    let path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut all: Vec<Value> = path.map(|name| in_path(schemas.types, name, route.method != "GET")).collect();
    all.extend(route.query.iter().map(|parameter| parameter.to_json("query", schemas)));
    all.extend(route.headers.iter().chain([&tenant()]).map(|header| header.to_json("header", schemas)));
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "tags": [format!("{:?}", route.function).to_lowercase()],
        "security": [{}, {"token": [route.right]}, {"aws": []}],
        "parameters": all,
        "responses": responses(route, schemas),
    });
    let only = route.one_machine.then(|| ("description", "Only on one machine.".into()));
    let body = route.body.map(|(schema, required)| {
        ("requestBody", json!({"required": required, "content": json_content(&schema(schemas))}))
    });
    if let Some(fields) = operation.as_object_mut() {
        fields.extend(only.into_iter().chain(body).map(|(name, value)| (name.to_owned(), value)));
    }
    operation
}

fn responses(route: &Route, schemas: &mut Schemas<'_>) -> Map<String, Value> {
    let answers: Vec<_> =
        route.answers.iter().map(|(status, meaning, schema)| (*status, *meaning, schema(schemas))).collect();
    let error = schemas.answer::<ErrorAnswer>();
    let errors = [400, 401, 403, 429, 503].into_iter().chain(route.errors.iter().copied());
    let errors = errors.map(|status| (status, meaning(status), error.clone()));
    let mut responses = Map::new();
    // An answer comes before the error of the same status: health tells what is wrong with it.
    for (status, meaning, schema) in answers.into_iter().chain(errors) {
        let mut content = json_content(&schema);
        if let (200, Some(_), Some(kinds)) = (status, route.followed, content.as_object_mut()) {
            kinds.insert("text/event-stream".to_owned(), json!({"schema": {"type": "string"}}));
        }
        let mut response = json!({"description": meaning, "content": content});
        if let (429 | 503, Some(fields)) = (status, response.as_object_mut()) {
            fields.insert("headers".to_owned(), retry_after());
        }
        responses.entry(status.to_string()).or_insert(response);
    }
    let links = route
        .links
        .iter()
        .map(|(name, parameters)| ((*name).to_owned(), json!({"operationId": name, "parameters": parameters})));
    let links: Map<String, Value> = links.collect();
    for (status, ..) in route.answers.iter().filter(|_| !links.is_empty()) {
        if let Some(response) = responses.get_mut(&status.to_string()).and_then(Value::as_object_mut) {
            response.insert("links".to_owned(), links.clone().into());
        }
    }
    responses
}

fn json_content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is wrong; `field` says where.",
        401 => "The request does not say who asks.",
        403 => "Whoever asks may not.",
        404 => "There is no such thing, or it is another tenant's.",
        408 => "The body has not come in time; on one machine only.",
        409 => "It is not as the request expects.",
        413 => "More than Errand takes.",
        429 => "Too much for now: too many requests at once (`busy`), or a spent budget (`budget_exceeded`).",
        _ => "Errand cannot do its work just now; try again later.",
    }
}
