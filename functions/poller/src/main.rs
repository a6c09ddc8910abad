//! The Lambda function `poller` of this installation.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    poller::run(shared::types_without_models).await
}
