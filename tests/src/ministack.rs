//! MiniStack, an AWS in one process: one for each test process that asks, gone when that process is gone.

mod process;
mod queues;
mod tables;

use std::sync::OnceLock;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

pub use queues::create_queues;
pub use tables::{Tables, create_tables};

/// Where the stack of this process answers; the first call starts it, which takes a second (and a minute the very
/// first time, for downloading it).
///
/// # Errors
/// A sentence that says what to install or what went wrong.
pub fn endpoint() -> Result<&'static str, String> {
    static STACK: OnceLock<Result<process::MiniStack, String>> = OnceLock::new();
    let stack = STACK.get_or_init(process::MiniStack::start);
    stack.as_ref().map(process::MiniStack::url).map_err(Clone::clone)
}

/// Where the DynamoDB of the store tests answers: `ERRAND_TEST_DYNAMODB_URL` if that is set, else [`endpoint`].
///
/// # Errors
/// As [`endpoint`].
#[allow(clippy::disallowed_methods)] // the tests' one setting
pub fn dynamodb_endpoint() -> Result<String, String> {
    std::env::var("ERRAND_TEST_DYNAMODB_URL").or_else(|_| endpoint().map(str::to_owned))
}

/// What a client of `endpoint` needs, with credentials that are good for emulators only.
pub fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .build()
}
