//! The Lambda function `relay` of this installation.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    relay::run().await
}
