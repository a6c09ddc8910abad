//! Why a model did not answer: sorted here, for every backend alike.

use std::time::Duration;

use reqwest::StatusCode;

use crate::Usage;
use errand::spi::{json::cut, redact};
use errand_outbound::RetryAfter;

/// Why there is no answer: one variant for each reaction of the caller.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// The backend does not take our credentials. Never succeeds by trying again.
    #[error("the model backend does not let us in: {0}")]
    Auth(String),
    /// Too many requests; again later, when it says.
    #[error("the model backend asks to wait: {message}")]
    RateLimit {
        /// What it said.
        message: String,
        /// When to come back, if it said so.
        retry_after: Option<RetryAfter>,
    },
    /// No answer within the profile's timeout, or within the backend's own.
    #[error("the model backend took too long: {0}")]
    Timeout(String),
    /// It broke off, or what stands before it lost it: nobody saw how the call ended.
    #[error("the model backend failed: {0}")]
    Transport(String),
    /// It was not reached, or has answered that it failed: it did nothing that could be paid for.
    #[error("the model backend failed: {0}")]
    Failed(String),
    /// It answered, but with nothing that can be used.
    #[error("the model backend's answer cannot be used: {0}")]
    InvalidAnswer(String),
    /// It answered, and said nothing: all that it wrote was thought, say. That has been paid for.
    #[error("the model backend's answer cannot be used: it has no text")]
    Empty {
        /// What wrote it.
        model: String,
        /// Tokens read and written, if the backend counts them.
        usage: Option<Usage>,
    },
    /// It does not take this request, such as for an unknown model. Never succeeds by trying again.
    #[error("the model backend does not take the request: {0}")]
    Refused(String),
}

/// How much of what a backend says against a request is passed on, in bytes.
const MESSAGE_BYTES: usize = 300;

/// The status of a gateway whose model broke off.
const BAD_GATEWAY: u16 = 502;

/// The status of a model that failed in a request that was right (Bedrock's `ModelErrorException`).
const FAILED_DEPENDENCY: u16 = 424;

/// The status by which some say that they are overloaded.
const OVERLOADED: u16 = 529;

impl ChatError {
    /// What an answer means that has this status, which is no success, and said this. Bedrock's errors have statuses of
    /// their own, so that this one table serves both protocols.
    pub(super) fn of_status(status: u16, retry_after: Option<RetryAfter>, said: &str) -> Self {
        let name = StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string());
        // Redacted first: half a secret looks like none.
        let said = redact::text(said.trim());
        let message = format!("{name} {}", cut(&said, MESSAGE_BYTES)).trim_end().to_owned();
        match status {
            401 | 403 => Self::Auth(message),
            429 | OVERLOADED => Self::RateLimit { message, retry_after },
            // Busy for a while, and it knows for how long.
            503 if retry_after.is_some() => Self::RateLimit { message, retry_after },
            408 | 504 => Self::Timeout(message),
            BAD_GATEWAY => Self::Transport(message),
            FAILED_DEPENDENCY => Self::Failed(message),
            400..500 => Self::Refused(message),
            _ => Self::Failed(message),
        }
    }

    /// Whether the backend may want to be paid for the call all the same: whenever nobody saw how it ended.
    pub fn may_cost(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Transport(_) | Self::InvalidAnswer(_) | Self::Empty { .. } => true,
            Self::Auth(_) | Self::RateLimit { .. } | Self::Refused(_) | Self::Failed(_) => false,
        }
    }

    /// No answer within our own limit.
    pub(super) fn no_answer_within(timeout: Duration) -> Self {
        Self::Timeout(format!("no answer within {} s", timeout.as_secs_f32()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variant, and what its caller does with it.
    fn sorted(status: u16, retry_after: Option<RetryAfter>) -> &'static str {
        match ChatError::of_status(status, retry_after, "said") {
            ChatError::Auth(_) => "provider_auth",
            ChatError::RateLimit { retry_after: Some(_), .. } => "rate_limit, then",
            ChatError::RateLimit { retry_after: None, .. } => "rate_limit",
            ChatError::Timeout(_) => "timeout",
            ChatError::Transport(_) => "provider_transport, unseen",
            ChatError::Failed(_) => "provider_transport",
            ChatError::InvalidAnswer(_) | ChatError::Empty { .. } => "invalid_answer",
            ChatError::Refused(_) => "refused",
        }
    }

    #[test]
    fn every_status_is_sorted_once() {
        for (status, silent, with_retry_after) in [
            (301, "provider_transport", "provider_transport"),
            (400, "refused", "refused"),
            (401, "provider_auth", "provider_auth"),
            (402, "refused", "refused"),
            (403, "provider_auth", "provider_auth"),
            (404, "refused", "refused"),
            (408, "timeout", "timeout"),
            (413, "refused", "refused"),
            (422, "refused", "refused"),
            (424, "provider_transport", "provider_transport"),
            (429, "rate_limit", "rate_limit, then"),
            (500, "provider_transport", "provider_transport"),
            (502, "provider_transport, unseen", "provider_transport, unseen"),
            (503, "provider_transport", "rate_limit, then"),
            (504, "timeout", "timeout"),
            (529, "rate_limit", "rate_limit, then"),
        ] {
            let soon = Some(RetryAfter::In(Duration::from_secs(1)));
            assert_eq!((sorted(status, None), sorted(status, soon)), (silent, with_retry_after), "{status}");
        }
    }

    #[test]
    fn only_a_call_whose_end_was_seen_and_that_did_nothing_is_free() {
        let may_cost = |status| ChatError::of_status(status, None, "said").may_cost();
        assert_eq!([301, 400, 401, 402, 403, 404, 413, 422, 424, 429, 500, 503, 529].map(may_cost), [false; 13]);
        assert_eq!([408, 502, 504].map(may_cost), [true; 3], "who waited for the model did not see what it did");
        let unseen = [ChatError::Timeout, ChatError::Transport, ChatError::InvalidAnswer].map(|of| of("so".to_owned()));
        assert!(unseen.iter().all(ChatError::may_cost));
        assert!(!ChatError::Failed("nobody is there".to_owned()).may_cost());
    }

    #[test]
    fn no_half_of_a_secret_is_passed_on() {
        for secret in ["sk-abcdefgh12345678", "password: abcdefgh12345678"] {
            for before in 270..300 {
                let said = format!("{} {secret} is no key", "x".repeat(before));
                let error = ChatError::of_status(401, None, &said).to_string();
                assert!(!error.contains("abc"), "{error}");
            }
        }
    }
}
