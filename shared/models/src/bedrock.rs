//! `bedrock`: a model of Amazon Bedrock, asked through Converse with the credentials of the function's role.

mod wire;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_bedrockruntime::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, converse::ConverseError},
};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use crate::{ChatAnswer, ChatBackend, ChatError, ChatRequest, RetryAfter};
use errand::spi::redact::chain;

/// A model in a region.
pub struct Bedrock {
    /// Made with the first call: a function that never asks does not wait for it at its start.
    client: OnceCell<Client>,
    model: String,
    region: Option<Region>,
    timeout: Duration,
    parameters: Map<String, Value>,
}

impl Bedrock {
    /// `model` (its id, an inference profile's, or the ARN of either) in `region`, by default the function's own. A whole
    /// call may take `timeout`.
    pub fn new(model: String, region: Option<Region>, timeout: Duration) -> Self {
        Self { client: OnceCell::new(), model, region, timeout, parameters: Map::new() }
    }

    /// The same with credentials, region and endpoint of `sdk`.
    pub fn with(sdk: &SdkConfig, model: String, timeout: Duration) -> Self {
        Self { client: OnceCell::new_with(Some(client(sdk, timeout))), ..Self::new(model, None, timeout) }
    }

    /// The same with these in each of its requests: `maxTokens`, `temperature`, `topP` and `stopSequences` are
    /// Converse's own (`maxTokens` takes the place of ours), all others the model's.
    #[must_use]
    pub fn with_parameters(self, parameters: Map<String, Value>) -> Self {
        Self { parameters, ..self }
    }

    async fn client(&self) -> &Client {
        let made = async || {
            let mut loader = aws_config::defaults(BehaviorVersion::latest());
            if let Some(region) = self.region.clone() {
                loader = loader.region(region);
            }
            client(&loader.load().await, self.timeout)
        };
        self.client.get_or_init(made).await
    }

    fn unanswered(&self, error: &SdkError<ConverseError, HttpResponse>) -> ChatError {
        let timed_out = match error {
            SdkError::TimeoutError(_) => true,
            SdkError::DispatchFailure(failure) => failure.is_timeout(),
            _ => false,
        };
        match error.raw_response() {
            _ if timed_out => ChatError::no_answer_within(self.timeout),
            Some(response) if response.status().is_success() => ChatError::InvalidAnswer(chain(error)),
            Some(response) => {
                let retry_after = response.headers().get("retry-after").and_then(RetryAfter::read);
                let said = format!("{} {}", error.code().unwrap_or_default(), error.message().unwrap_or_default());
                ChatError::of_status(response.status().as_u16(), retry_after, &said)
            }
            // It was never sent: what was asked cannot be written down.
            None if matches!(error, SdkError::ConstructionFailure(_)) => ChatError::Refused(chain(error)),
            None => ChatError::Transport(chain(error)),
        }
    }
}

/// It asks once: whoever called decides about trying again.
fn client(sdk: &SdkConfig, timeout: Duration) -> Client {
    let once = RetryConfig::disabled();
    let timeouts = TimeoutConfig::builder().operation_timeout(timeout).build();
    let config = aws_sdk_bedrockruntime::config::Builder::from(sdk).retry_config(once).timeout_config(timeouts);
    Client::from_conf(config.build())
}

#[async_trait]
impl ChatBackend for Bedrock {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        let messages = wire::messages(request).map_err(|error| ChatError::Refused(error.to_string()))?;
        let (inference, more) = wire::parameters(&self.parameters, request.max_tokens);
        let call = self.client().await.converse().model_id(&self.model);
        let call = call.set_system(wire::system(request)).set_messages(Some(messages));
        let call = call.inference_config(inference).set_additional_model_request_fields(more);
        let output = call.send().await.map_err(|error| self.unanswered(&error))?;
        let turn_id = output.request_id().map(str::to_owned);
        wire::answer(output, self.model.clone(), turn_id).not_empty()
    }
}

impl fmt::Debug for Bedrock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bedrock").field("model", &self.model).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
