//! The Lambda function `dashboard` of this installation.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    dashboard::run().await
}
