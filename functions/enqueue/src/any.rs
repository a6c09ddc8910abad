//! What a function of this code takes, and which source an event came from.

use aws_lambda_events::{apigw::ApiGatewayV2httpRequest, sqs::SqsEvent};
use errand::App;
use errand_http::{Answer, ApiError};
use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};
use serde_json::Value;

use crate::{http, intake, invoke, takes::Takes};

/// What tells the sources of events apart: an SQS batch has a list of `Records`, an HTTP request has a `requestContext`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    #[serde(rename = "Records")]
    records: Option<Vec<IgnoredAny>>,
    #[serde(rename = "requestContext")]
    request: Option<IgnoredAny>,
}

/// Handles an event. `invocation_id` is Lambda's id of this invocation.
///
/// The API's requests and the queue's messages say who asks. Whoever invokes a function writes its event, so one that is
/// open to invokes takes nothing else.
pub async fn any(app: &App, takes: Takes, event: &str, invocation_id: &str) -> Result<Value, ApiError> {
    if takes == Takes::Invokes {
        return invoke(app, read(event)?, invocation_id).await;
    }
    let source: Source = serde_json::from_str(event).unwrap_or_default();
    let answer = match (source.records, source.request) {
        (Some(_), _) => serde_json::to_value(intake(app, read::<SqsEvent>(event)?).await),
        (None, Some(_)) => serde_json::to_value(http(app, read::<ApiGatewayV2httpRequest>(event)?).await),
        // An answer: an error would have Lambda try it again.
        (None, None) => serde_json::from_str(&Answer::error(&not_here(), invocation_id).body),
    };
    answer.map_err(|error| ApiError::invalid("", error.to_string()))
}

fn not_here() -> ApiError {
    ApiError::forbidden("this function is the API's and the intake queue's; to enqueue by an invoke, invoke `enqueue`")
}

fn read<T: DeserializeOwned>(event: &str) -> Result<T, ApiError> {
    serde_json::from_str(event).map_err(|error| ApiError::invalid("", format!("not an event of any source: {error}")))
}
