//! How a route is written in a table: whom it is served by and where, then what it takes and answers.

use errand::spi::{accept::KEY_BYTES, rights::Right};
use schemars::JsonSchema;
use serde_json::Value;

use super::{Followed, Function, Parameter, Route, SchemaOf, Schemas, Scope, Serves};

impl Route {
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

    /// Makes tasks, which belong to the trace that the request does.
    pub fn traced(mut self) -> Self {
        self.headers.push(Parameter::traceparent());
        self
    }

    /// Is carried out only on the version that `If-Match` names.
    pub fn matched(mut self) -> Self {
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

    /// Asks nobody who they are.
    pub fn open(self) -> Self {
        Self { open: true, ..self }
    }

    /// Is for the installation's own services alone.
    pub(crate) fn of_the_installation(self) -> Self {
        Self { scope: Scope::Installation, ..self }
    }

    /// Only the one-machine server has it.
    pub(crate) fn on_one_machine(self) -> Self {
        Self { one_machine: true, ..self }
    }
}
