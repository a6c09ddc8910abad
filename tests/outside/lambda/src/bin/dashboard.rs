//! The Lambda function `dashboard`, which needs no types.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    dashboard::run().await
}
