//! The Lambda function `control` of this installation.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    control::run(shared::types_without_models).await
}
