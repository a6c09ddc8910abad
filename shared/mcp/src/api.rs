//! The routes that the tools stand for, asked without HTTP.

use std::sync::LazyLock;

use errand::App;
use errand_http::{ApiError, Caller, Request, Route, enqueue};
use errand_work::routes;
use serde_json::Value;

use crate::offered::{Offered, find, offered};

/// The routes of tasks. (The document of the API is no tool.)
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let tables = [enqueue::routes(), routes::status(|| &[]), routes::control()];
    tables.into_iter().flatten().collect()
});

/// Whether `caller` may ask the route with this key.
pub(crate) fn may(caller: &Caller, key: &str) -> bool {
    Route::find(&ROUTES, key).is_some_and(|route| caller.rights.contains(&route.right))
}

/// One caller, at the routes.
pub(crate) struct Api<'a> {
    pub(crate) app: &'a App,
    pub(crate) caller: &'a Caller,
}

/// What a route is asked for.
#[derive(Default)]
pub(crate) struct Asking {
    /// The task in the path.
    pub(crate) id: Option<String>,
    /// The parameters after `?`.
    pub(crate) query: Vec<(&'static str, String)>,
    /// The body; null is none.
    pub(crate) body: Value,
    /// The `Idempotency-Key`.
    pub(crate) key: Option<String>,
}

impl Api<'_> {
    /// All types that are tools for the caller.
    pub(crate) async fn all_offered(&self) -> Result<Vec<Offered>, ApiError> {
        offered(self.app, &self.caller.tenant).await
    }

    /// The type of this name, if it is a tool for the caller.
    pub(crate) async fn offered(&self, name: &str) -> Result<Option<Offered>, ApiError> {
        find(self.app, &self.caller.tenant, name).await
    }

    /// What the route with this key answers.
    pub(crate) async fn ask(&self, key: &str, asking: Asking) -> Result<Value, ApiError> {
        let route = Route::find(&ROUTES, key).ok_or_else(|| ApiError::not_found("no such route"))?;
        let answer = route.answer(self.app, &self.request(route.name, asking)).await?;
        serde_json::from_str(&answer.body).map_err(|error| ApiError::new(500, "unreadable", error.to_string()))
    }

    /// The task `id`, if its type is a tool for the caller: another is none.
    pub(crate) async fn task(&self, id: &str) -> Result<Value, ApiError> {
        let task = self.ask("GET /v1/tasks/{id}", Asking { id: Some(id.to_owned()), ..Asking::default() }).await?;
        let of = task.get("task_type").and_then(Value::as_str).unwrap_or_default();
        self.offered(of).await?.map(|_| task).ok_or_else(ApiError::no_such_task)
    }

    /// Refuses what is to be done to a task whose type is no tool for the caller. They need not have the right to read.
    pub(crate) async fn check_offered(&self, id: &str) -> Result<(), ApiError> {
        let asking = Asking { id: Some(id.to_owned()), ..Asking::default() };
        let task = self.request("", asking).task(self.app).await?;
        self.offered(task.task_type.as_str()).await?.map(drop).ok_or_else(ApiError::no_such_task)
    }

    fn request(&self, route: &'static str, asking: Asking) -> Request {
        Request {
            route,
            caller: self.caller.clone(),
            path: asking.id.into_iter().map(|id| ("id".to_owned(), id)).collect(),
            query: asking.query.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            idempotency_key: asking.key,
            if_match: None,
            body: if asking.body.is_null() { String::new() } else { asking.body.to_string() },
        }
    }
}
