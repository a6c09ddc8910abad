//! A route: who serves it and how, what it takes and what it answers. Dispatch, the OpenAPI document and the tests go by
//! the tables of these: [`crate::enqueue::routes`], [`crate::status::routes`], [`crate::control::routes`].

mod built;
mod parameter;
mod schemas;
mod serve;

use std::fmt;

use errand::{App, spi::rights::Right};
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
    /// Whether nobody is asked who they are: what stands in the path is all that such a route goes by.
    pub open: bool,
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
            open: false,
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
        if !self.open && !request.caller.rights.contains(&self.right) {
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
