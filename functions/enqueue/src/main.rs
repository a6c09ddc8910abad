//! The Lambda function `enqueue` of this installation.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    enqueue::run(shared::types_without_models).await
}
