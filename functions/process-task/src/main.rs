//! The Lambda function `process-task` of this installation.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    process_task::run(shared::types).await
}
