//! What answers a route, whatever its type.

use std::pin::Pin;

use errand::App;

use crate::{Answer, ApiError, Request};

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send + 'a>>;
pub(super) type Serve = Box<dyn for<'a> Fn(&'a App, &'a Request) -> Answering<'a> + Send + Sync>;

/// What answers a route: an `async fn(&App, &Request) -> Result<Answer, ApiError>`.
pub trait Serves<'a>: Send + Sync {
    /// What it makes of a request.
    type Answering: Future<Output = Result<Answer, ApiError>> + Send + 'a;

    /// Begins to answer.
    fn serve(&self, app: &'a App, request: &'a Request) -> Self::Answering;
}

impl<'a, F, A> Serves<'a> for F
where
    F: Fn(&'a App, &'a Request) -> A + Send + Sync,
    A: Future<Output = Result<Answer, ApiError>> + Send + 'a,
{
    type Answering = A;

    fn serve(&self, app: &'a App, request: &'a Request) -> A {
        self(app, request)
    }
}

pub(super) fn boxed<S: for<'a> Serves<'a> + 'static>(serve: S) -> Serve {
    Box::new(move |app, request| Box::pin(serve.serve(app, request)))
}
