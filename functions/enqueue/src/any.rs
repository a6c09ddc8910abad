//! Which of its three sources an event came from.

use aws_lambda_events::{apigw::ApiGatewayV2httpRequest, sqs::SqsEvent};
use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};
use serde_json::Value;
use shared::{api::ApiError, app::App};

use crate::{http, intake, invoke};

/// What tells the sources apart: an SQS batch has a list of `Records`, an HTTP request has a `requestContext` and its
/// `version`. None of these is a field of a task's request.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    #[serde(rename = "Records")]
    records: Option<Vec<IgnoredAny>>,
    #[serde(rename = "requestContext")]
    request: Option<IgnoredAny>,
}

/// Handles an event of any source. `invocation_id` is Lambda's id of this invocation.
pub async fn any(app: &App, event: &str, invocation_id: &str) -> Result<Value, ApiError> {
    // What is none of the others is taken for an invoke, which answers with what is wrong: an error would have
    // Lambda try it again.
    let source: Source = serde_json::from_str(event).unwrap_or_default();
    let answer = match (source.records, source.request) {
        (Some(_), _) => serde_json::to_value(intake(app, read::<SqsEvent>(event)?).await),
        (None, Some(_)) => serde_json::to_value(http(app, read::<ApiGatewayV2httpRequest>(event)?).await),
        (None, None) => Ok(invoke(app, read(event)?, invocation_id).await?),
    };
    answer.map_err(|error| ApiError::invalid("", error.to_string()))
}

fn read<T: DeserializeOwned>(event: &str) -> Result<T, ApiError> {
    serde_json::from_str(event).map_err(|error| ApiError::invalid("", format!("not an event of any source: {error}")))
}
