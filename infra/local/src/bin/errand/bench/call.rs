//! Requests to the function libraries in this process: all that the server does for one but the socket.

use std::collections::HashMap;

use anyhow::{Context, bail, ensure};
use aws_lambda_events::{apigw::ApiGatewayV2httpRequest, encodings::Body};
use errand::App;
use errand_agents::ROUTES;
use errand_http::gateway;
use serde_json::Value;

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Call {
    route: &'static str,
    event: ApiGatewayV2httpRequest,
}

impl Call {
    pub(super) fn of(route: &'static str) -> Self {
        Self { route, event: ApiGatewayV2httpRequest::default() }
    }

    /// With what stands for `{id}` in its path.
    pub(super) fn id(mut self, id: &str) -> Self {
        self.event.path_parameters.insert("id".to_owned(), id.to_owned());
        self
    }

    pub(super) fn query(mut self, query: &[(&str, &str)]) -> Self {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.event.query_string_parameters = query.collect::<HashMap<_, _>>().into();
        self
    }

    pub(super) fn body(mut self, body: impl ToString) -> Self {
        self.event.body = Some(body.to_string());
        self
    }

    /// The answer, which must be a good one.
    pub(super) async fn answer(mut self, app: &App) -> anyhow::Result<Value> {
        let info = ROUTES.iter().find(|info| info.name == self.route).context("no such route")?;
        self.event.route_key = Some(info.key());
        let answer = gateway::serve(app, &ROUTES, self.event).await;
        ensure!((200..300).contains(&answer.status_code), "{} was refused: {:?}", info.key(), answer.body);
        let Some(Body::Text(text)) = answer.body else { bail!("{} has no text", info.key()) };
        Ok(serde_json::from_str(&text)?)
    }
}
