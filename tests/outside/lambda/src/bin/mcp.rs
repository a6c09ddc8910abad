//! The Lambda function `mcp` with the types of this package.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    mcp::run(|_| Ok(outside::types(outside::Mailer::default()))).await
}
