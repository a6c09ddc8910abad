//! The Lambda function `control` with the types of this package.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    control::run(|_| Ok(outside::types(outside::Mailer::default()))).await
}
