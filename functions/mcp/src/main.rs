//! The Lambda function `mcp` of this installation.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    mcp::run(shared::types_without_models).await
}
