//! A route: who serves it and how, what it takes and what it answers. Dispatch, the OpenAPI document and the tests go by
//! the tables of these: [`crate::enqueue::routes`], [`crate::status::routes`], [`crate::control::routes`].

mod parameter;
mod schemas;
mod serve;

use std::fmt;

use errand::{
    App,
    spi::{accept::KEY_BYTES, rights::Right},
};
use schemars::JsonSchema;
use serde_json::Value;

use crate::{Answer, ApiError, Request};

pub(crate) use parameter::{ErrorAnswer, in_path, place, place_in_tasks, retry_after, tenant};
pub use parameter::{Parameter, record_place};
pub use schemas::Schemas;
pub use serve::Serves;
use serve::{Serve, boxed};

/// The function that serves a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Takes tasks that are asked for.
    Enqueue,
    /// Answers what only reads.
    Status,
    /// Every other write.
    Control,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every caller, for what is its tenant's.
    Tenant,
    /// The installation's own services; nobody who shows a token.
    Installation,
}

/// How what changes is followed: a list that grows, or one thing until it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Each item of a list, as it comes.
    List {
        /// The parameter that says what was seen already.
        parameter: &'static str,
        /// The field of an item that is this parameter's value once the item was seen.
        field: &'static str,
    },
    /// One thing, as it is after each change.
    One {
        /// The field that is another after each change.
        field: &'static str,
        /// The field that is there once nothing more comes.
        until: &'static str,
    },
}

/// How one type is written in the document.
pub(crate) type SchemaOf = fn(&mut Schemas<'_>) -> Value;

/// One entry of the table of routes.
pub struct Route {
    /// What it is called in the document, and in the stored key of a request that is carried out once: never renamed.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// Which function serves it.
    pub function: Function,
    /// Whether only the one-machine server has it.
    pub one_machine: bool,
    /// Who may ask.
    pub scope: Scope,
    /// What they must have the right to.
    pub right: Right,
    /// How it is followed while it grows, where it is: as a stream of events, by the one-machine server.
    pub followed: Option<Followed>,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// The parameters after `?`.
    pub(crate) query: Vec<Parameter>,
    /// Headers besides the tenant's.
    pub(crate) headers: Vec<Parameter>,
    /// The schema of the body, and whether there must be one.
    pub(crate) body: Option<(SchemaOf, bool)>,
    /// Status, meaning and schema of each answer that is no error.
    pub(crate) answers: Vec<(u16, &'static str, SchemaOf)>,
    /// The errors besides those that every route has.
    pub(crate) errors: Vec<u16>,
    /// What can be done with what it answers: names of routes, and their parameters as runtime expressions.
    pub(crate) links: Vec<(&'static str, Value)>,
    serve: Serve,
}

impl Route {
    fn new<S>(function: Function, method: &'static str, path: &'static str, name: &'static str, serve: S) -> Self
    where
        S: for<'a> Serves<'a> + 'static,
    {
        Self {
            name,
            method,
            path,
            function,
            one_machine: false,
            scope: Scope::Tenant,
            right: match function {
                Function::Status => Right::Read,
                Function::Enqueue | Function::Control => Right::Enqueue,
            },
            followed: None,
            summary: "",
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            answers: Vec::new(),
            errors: Vec::new(),
            links: Vec::new(),
            serve: boxed(serve),
        }
    }

    /// A `POST` that takes tasks.
    pub fn enqueue<S: for<'a> Serves<'a> + 'static>(path: &'static str, name: &'static str, serve: S) -> Self {
        Self::new(Function::Enqueue, "POST", path, name, serve)
    }

    /// A route that only reads: `GET path`, called `name` in the document.
    pub fn get<S: for<'a> Serves<'a> + 'static>(path: &'static str, name: &'static str, serve: S) -> Self {
        Self::new(Function::Status, "GET", path, name, serve)
    }

    /// Any other write.
    pub fn post<S: for<'a> Serves<'a> + 'static>(path: &'static str, name: &'static str, serve: S) -> Self {
        Self::new(Function::Control, "POST", path, name, serve)
    }

    /// The write of something whole.
    pub fn put<S: for<'a> Serves<'a> + 'static>(path: &'static str, name: &'static str, serve: S) -> Self {
        Self::new(Function::Control, "PUT", path, name, serve)
    }

    /// The end of something.
    pub fn delete<S: for<'a> Serves<'a> + 'static>(path: &'static str, name: &'static str, serve: S) -> Self {
        Self::new(Function::Control, "DELETE", path, name, serve)
    }

    /// The write of a part.
    pub fn patch<S: for<'a> Serves<'a> + 'static>(path: &'static str, name: &'static str, serve: S) -> Self {
        Self::new(Function::Control, "PATCH", path, name, serve)
    }

    /// Answers 200 with a `T`: what the route does, in a line.
    pub fn answers<T: JsonSchema>(self, summary: &'static str) -> Self {
        self.answers_as(summary, |schemas| schemas.answer::<T>())
    }

    /// Answers 200 with what is not of one type.
    pub(crate) fn answers_as(self, summary: &'static str, schema: SchemaOf) -> Self {
        Self { summary, answers: vec![(200, "Done.", schema)], ..self }
    }

    /// Answers 201, instead of 200, with what is new.
    pub fn creates<T: JsonSchema>(self) -> Self {
        self.or_answers::<T>(201, "It is new.")
    }

    /// Answers this, too.
    pub fn or_answers<T: JsonSchema>(mut self, status: u16, meaning: &'static str) -> Self {
        self.answers.push((status, meaning, |schemas| schemas.answer::<T>()));
        self
    }

    /// Takes parameters after `?`. All others are refused.
    pub fn query(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.query.extend(parameters);
        self
    }

    /// Answers one page of a list, whose places look as `cursor` says.
    pub fn paged(self, cursor: impl Fn(&mut Schemas<'_>) -> Value + Send + Sync + 'static) -> Self {
        self.query([Parameter::cursor(cursor), Parameter::limit()])
    }

    /// Takes a body, which must be there.
    pub fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some((|schemas| schemas.request::<T>(), true)), ..self }.or(&[408, 413])
    }

    /// Takes a body, which may be absent.
    pub fn optional_body<T: JsonSchema>(self) -> Self {
        Self { body: Some((|schemas| schemas.request::<T>(), false)), ..self }.or(&[408, 413])
    }

    /// Is carried out once for each `Idempotency-Key`.
    pub fn keyed(self) -> Self {
        self.keyed_as("The same request under the same key is carried out once.", KEY_BYTES)
    }

    /// The same under a key of at most so many bytes, of which there is more to say.
    pub(crate) fn keyed_as(mut self, description: &'static str, most_bytes: usize) -> Self {
        self.headers.push(Parameter::idempotency_key(description, most_bytes));
        self.or(&[409])
    }

    /// Is carried out only on the version that `If-Match` names.
    pub(crate) fn matched(mut self) -> Self {
        self.headers.push(Parameter::if_match());
        self.or(&[409])
    }

    /// May answer these errors, besides those that every route has.
    pub fn or(mut self, errors: &[u16]) -> Self {
        self.errors.extend(errors);
        self
    }

    /// What it answers is what these routes ask for by `parameters`.
    pub fn leads_to(mut self, routes: &[&'static str], parameters: &Value) -> Self {
        self.links.extend(routes.iter().map(|route| (*route, parameters.clone())));
        self
    }

    /// Answers what grows at its end: where one goes on is said by `parameter`, as the field `field` of the last item seen.
    pub fn followed_by(self, parameter: &'static str, field: &'static str) -> Self {
        Self { followed: Some(Followed::List { parameter, field }), ..self }
    }

    /// Answers one thing that changes, as its field `field` tells, until it has a field `until`.
    pub(crate) fn followed_until(self, field: &'static str, until: &'static str) -> Self {
        Self { followed: Some(Followed::One { field, until }), ..self }
    }

    /// Asks for this right, instead of that of its function: to read, or to enqueue.
    pub fn needs(self, right: Right) -> Self {
        Self { right, ..self }
    }

    /// Is for the installation's own services alone.
    pub(crate) fn of_the_installation(self) -> Self {
        Self { scope: Scope::Installation, ..self }
    }

    /// Only the one-machine server has it.
    pub(crate) fn on_one_machine(self) -> Self {
        Self { one_machine: true, ..self }
    }

    /// The route's key as API Gateway names it: `GET /v1/tasks/{id}`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The one of these routes that has this key.
    pub fn find<'r>(routes: &'r [Route], key: &str) -> Option<&'r Route> {
        let (method, path) = key.split_once(' ')?;
        routes.iter().find(|route| route.method == method && route.path == path)
    }

    /// Answers a request for this route: who may not ask is refused, and so are
    /// parameters that it does not have.
    pub async fn answer(&self, app: &App, request: &Request) -> Result<Answer, ApiError> {
        self.admit(request)?;
        (self.serve)(app, request).await
    }

    fn admit(&self, request: &Request) -> Result<(), ApiError> {
        if !request.caller.rights.contains(&self.right) {
            let message = format!("{} needs the right `{}`, which the token does not have", self.key(), self.right);
            return Err(ApiError::forbidden(message));
        }
        let is_known = |field: &str| self.query.iter().any(|parameter| parameter.name == field);
        match request.query.keys().find(|field| !is_known(field)) {
            Some(field) if self.query.is_empty() => {
                Err(ApiError::invalid(field, "unknown parameter; there are none here"))
            }
            Some(field) => {
                let known: Vec<&str> = self.query.iter().map(|parameter| parameter.name).collect();
                Err(ApiError::invalid(field, format!("unknown parameter; known are {}", known.join(", "))))
            }
            None if self.scope == Scope::Installation && !request.caller.trusted => {
                let message = format!("{} is for the installation's own services, not for a token", self.key());
                Err(ApiError::forbidden(message))
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key())
    }
}
