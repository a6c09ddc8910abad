//! The Lambda function `relay`, which needs no types.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    relay::run().await
}
