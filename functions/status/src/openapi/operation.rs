//! One route's description, and the JSON of it.

use errand::accept::KEY_BYTES;
use errand_http::{Route, RouteInfo};
use serde_json::{Map, Value, json};

use super::{
    parameters::{self, Parameter},
    schemas::Schemas,
};

/// What a route takes and answers. What all of them share is added by [`Operation::to_json`].
pub(super) struct Operation {
    /// What it does, in a line.
    summary: &'static str,
    /// The parameters after `?`.
    query: Vec<Parameter>,
    /// Headers besides the tenant's.
    headers: Vec<Parameter>,
    /// The schema of the body, and whether there must be one.
    body: Option<(Value, bool)>,
    /// Status, meaning and schema of each answer that is no error.
    answers: Vec<(u16, &'static str, Value)>,
    /// The errors besides those that every route has.
    errors: Vec<u16>,
    /// What can be done with what it answers: routes, and their parameters as runtime expressions.
    links: Vec<(Route, Value)>,
}

impl Operation {
    /// One that answers 200 with what `answer` describes.
    pub(super) fn new(summary: &'static str, answer: Value) -> Self {
        let answers = vec![(200, "Done.", answer)];
        Self {
            summary,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            answers,
            errors: Vec::new(),
            links: Vec::new(),
        }
    }

    /// The same with parameters after `?`.
    pub(super) fn query(self, query: Vec<Parameter>) -> Self {
        Self { query, ..self }
    }

    /// The same for one page of a list.
    pub(super) fn paged(mut self, cursor: Value) -> Self {
        self.query.extend([parameters::cursor(cursor), parameters::limit()]);
        self
    }

    /// The same with a body that must be there.
    pub(super) fn body(self, schema: Value) -> Self {
        Self { body: Some((schema, true)), ..self }.or(&[408, 413])
    }

    /// The same with a body that may be absent.
    pub(super) fn optional_body(self, schema: Value) -> Self {
        Self { body: Some((schema, false)), ..self }.or(&[408, 413])
    }

    /// The same, carried out once for each `Idempotency-Key`.
    pub(super) fn keyed(self) -> Self {
        self.keyed_as("The same request under the same key is carried out once.", KEY_BYTES)
    }

    /// The same under a key of at most so many bytes, of which there is more to say.
    pub(super) fn keyed_as(mut self, description: &'static str, most_bytes: usize) -> Self {
        self.headers.push(parameters::idempotency_key(description, most_bytes));
        self.or(&[409])
    }

    /// The same, only from the version that `If-Match` names.
    pub(super) fn matched(mut self) -> Self {
        self.headers.push(parameters::if_match());
        self.or(&[409])
    }

    /// The same with one more answer.
    pub(super) fn answers(mut self, status: u16, meaning: &'static str, schema: Value) -> Self {
        self.answers.push((status, meaning, schema));
        self
    }

    /// The same with more errors.
    pub(super) fn or(mut self, errors: &[u16]) -> Self {
        self.errors.extend(errors);
        self
    }

    /// The same; what it answers is what these routes ask for by `parameters`.
    pub(super) fn leads_to(mut self, routes: &[Route], parameters: &Value) -> Self {
        self.links.extend(routes.iter().map(|route| (*route, parameters.clone())));
        self
    }

    pub(super) fn to_json(&self, info: &RouteInfo, schemas: &mut Schemas<'_>) -> Value {
        let path = info.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let mut all: Vec<Value> =
            path.map(|name| parameters::in_path(schemas.types, name, info.method != "GET")).collect();
        all.extend(self.query.iter().map(|parameter| parameter.to_json("query")));
        all.extend(self.headers.iter().chain([&parameters::tenant()]).map(|header| header.to_json("header")));
        let mut operation = json!({
            "operationId": format!("{:?}", info.route),
            "summary": self.summary,
            "tags": [format!("{:?}", info.function).to_lowercase()],
            "parameters": all,
            "responses": self.responses(schemas),
        });
        let only = info.one_machine.then(|| ("description", "Only on one machine.".into()));
        let body = self
            .body
            .as_ref()
            .map(|(schema, required)| ("requestBody", json!({"required": required, "content": json_content(schema)})));
        if let Some(fields) = operation.as_object_mut() {
            fields.extend(only.into_iter().chain(body).map(|(name, value)| (name.to_owned(), value)));
        }
        operation
    }

    fn responses(&self, schemas: &mut Schemas<'_>) -> Map<String, Value> {
        let error = schemas.answer::<parameters::ErrorAnswer>();
        let errors = [400, 401, 403, 429, 503].into_iter().chain(self.errors.iter().copied());
        let errors = errors.map(|status| (status, meaning(status), error.clone()));
        let mut responses = Map::new();
        // An answer comes before the error of the same status: health tells what is wrong with it.
        for (status, meaning, schema) in self.answers.iter().cloned().chain(errors) {
            let mut response = json!({"description": meaning, "content": json_content(&schema)});
            if let (429 | 503, Some(fields)) = (status, response.as_object_mut()) {
                fields.insert("headers".to_owned(), parameters::retry_after());
            }
            responses.entry(status.to_string()).or_insert(response);
        }
        let links = self.links.iter().map(|(route, parameters)| {
            let name = format!("{route:?}");
            (name.clone(), json!({"operationId": name, "parameters": parameters}))
        });
        let links: Map<String, Value> = links.collect();
        for (status, ..) in self.answers.iter().filter(|_| !links.is_empty()) {
            if let Some(response) = responses.get_mut(&status.to_string()).and_then(Value::as_object_mut) {
                response.insert("links".to_owned(), links.clone().into());
            }
        }
        responses
    }
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
