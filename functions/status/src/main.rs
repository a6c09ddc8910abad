//! The Lambda function `status` of this installation.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    status::run(shared::types_without_models).await
}
