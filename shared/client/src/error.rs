//! Why a request came to nothing.

use std::{fmt, time::Duration};

use serde::Deserialize;

/// Why there is no answer to use: one variant for each thing that a caller may do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Nobody answers there. What was asked may have been done, if it was sent.
    #[error("no server answers at {url}")]
    Unreachable {
        /// Where it was asked.
        url: String,
        /// What the connection came to.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is an error of the API.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer is none of the API: something else listens there.
    #[error("what answers at {url} is not Errand: {problem}")]
    Foreign {
        /// Where it was asked.
        url: String,
        /// What is wrong with the answer.
        problem: String,
    },
}

/// An error as the API answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What programs tell it by.
    pub code: Code,
    /// What is wrong, for people.
    pub message: String,
    /// Where in the request, if it can be said.
    pub field: Option<String>,
    /// The request's name in log lines.
    pub request_id: Option<String>,
    /// After how long the same request may succeed, if that is known.
    pub retry_after: Option<Duration>,
}

/// The API's codes of errors that callers react to differently.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // the API's words
pub enum Code {
    Invalid,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    Busy,
    Unavailable,
    /// Any other, as it was answered.
    Other(String),
}

/// The API's own errors, and API Gateway's, which have a message alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Error { error: Details },
    Message { message: String },
}

#[derive(Deserialize)]
struct Details {
    code: String,
    message: String,
    field: Option<String>,
    request_id: Option<String>,
}

impl Refusal {
    /// What an answer of this status says; none if it is no error of the API.
    pub(crate) fn read(status: u16, body: &str, retry_after: Option<Duration>) -> Option<Self> {
        let of = |code, message, field, request_id| Self { status, code, message, field, request_id, retry_after };
        Some(match serde_json::from_str(body).ok()? {
            Said::Error { error: Details { code, message, field, request_id } } => {
                of(Code::of(code), message, field, request_id)
            }
            Said::Message { message } => of(Code::of_status(status), message, None, None),
        })
    }
}

impl Code {
    fn of(code: String) -> Self {
        match &*code {
            "invalid" => Self::Invalid,
            "unauthorized" => Self::Unauthorized,
            "forbidden" => Self::Forbidden,
            "not_found" => Self::NotFound,
            "conflict" => Self::Conflict,
            "too_large" => Self::TooLarge,
            "busy" => Self::Busy,
            "unavailable" => Self::Unavailable,
            _ => Self::Other(code),
        }
    }

    /// What an answer without a code means.
    fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            429 => Self::Busy,
            500.. => Self::Unavailable,
            _ => Self::Invalid,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.field {
            Some(field) => write!(f, " (at {field})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_by_its_code_and_one_of_api_gateway_by_its_status() {
        let body = r#"{"error": {"code": "not_found", "message": "no such task", "request_id": "r"}}"#;
        let refusal = Refusal::read(404, body, None).unwrap();
        assert_eq!((&refusal.code, refusal.request_id.as_deref()), (&Code::NotFound, Some("r")));
        let refusal = Refusal::read(403, r#"{"message": "Forbidden"}"#, None).unwrap();
        assert_eq!((refusal.code.clone(), refusal.to_string()), (Code::Forbidden, "Forbidden".to_owned()));
        let body = r#"{"error": {"code": "no_model", "message": "none", "field": "profile"}}"#;
        let refusal = Refusal::read(400, body, None).unwrap();
        assert_eq!(
            (refusal.code.clone(), &*refusal.to_string()),
            (Code::Other("no_model".into()), "none (at profile)")
        );
        assert_eq!(Refusal::read(502, "<html>", None), None);
    }
}
