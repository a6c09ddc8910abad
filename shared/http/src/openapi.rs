//! `GET /v1/openapi.json`: what every route takes and answers, as OpenAPI 3.1. The schemas come from the types.

mod operation;

use std::sync::{Arc, Mutex, PoisonError};

use errand::Registry;
use serde_json::{Map, Value, json};

use crate::{
    Answer,
    route::{Route, Schemas},
};
use operation::operation;

/// The document that was made last, and of which installation: a process has one. To make it takes ten times as long as
/// to answer.
static MADE: Mutex<Option<(Arc<Registry>, String)>> = Mutex::new(None);

/// The document of an installation that knows `types` and serves `routes`.
pub(crate) fn answer(routes: &[Route], types: &Arc<Registry>) -> Answer {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.as_ref().is_none_or(|(of, _)| !Arc::ptr_eq(of, types)) {
        *made = Some((types.clone(), document(routes, types).to_string()));
    }
    Answer::text(200, made.as_ref().map(|(_, document)| document.clone()).unwrap_or_default())
}

fn document(routes: &[Route], types: &Registry) -> Value {
    let mut schemas = Schemas::new(types);
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.to_lowercase(), operation(route, &mut schemas));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Errand",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A durable task processor. Times are RFC 3339 in UTC; lengths of time end in `_s`, measured \
                ones in `_ms`. Unknown fields and parameters are refused by name. Errors are as described, but for \
                what API Gateway answers itself on AWS (401, 403, 404 of no route, 429): `{\"message\"}`.\n\n\
                A list goes on with its `cursor`, as the parameter `cursor`, until that is null; where it is filtered, \
                pages before may be short or empty. What grows at its end is followed instead, and keeps a `cursor` to \
                come back with: `/v1/events` by the parameter `after`, until its cursor stays the same; a run's events and \
                commands, and a session's trace and output, by `after_seq`, until `cursor` is `last_seq`. What can be answered as \
                `text/event-stream` is so on one machine, to who takes nothing else: each item as it comes, its place as \
                the event's id; a task as it is after each change, its `revision` as the id, until it has ended: who has \
                seen that and asks again is answered 204. Elsewhere that is a 406.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "One of the one-machine server's tokens; on AWS one of the issuer's, whose claim \
                        `tenant` says whose it is. An operation names the right that the token must give.",
                },
                "aws": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "AWS Signature Version 4.",
                },
            },
        },
    })
}
