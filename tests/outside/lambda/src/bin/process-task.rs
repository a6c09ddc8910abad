//! The Lambda function `process-task` with the types of this package.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    process_task::run(|_| Ok(outside::types(outside::Mailer::default()))).await
}
