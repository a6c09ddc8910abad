//! Keys of AWS, as the `aws` command has them.

use std::{
    process::Command,
    time::{Duration, SystemTime},
};

use errand::spi::clock::{Clock, SystemClock};
use errand_client::Signer;
use serde::Deserialize;

use super::trouble::Trouble;

/// What `aws configure export-credentials` says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// Signs with the keys of a profile, for the region of the API at `url`.
pub(crate) fn signer(profile: &str, url: &str) -> Result<Signer, Trouble> {
    let text = said(&["configure", "export-credentials", "--format", "process", "--profile", profile])?;
    // What it says instead may have a key in it.
    let exported = serde_json::from_str(&text).map_err(|_| {
        Trouble::Failed("`aws configure export-credentials` says no credentials: version 2 of `aws` has it".into())
    })?;
    let Exported { access_key_id, secret_access_key, session_token } = exported;
    let region = match region(url) {
        Some(region) => region.to_owned(),
        None => said(&["configure", "get", "region", "--profile", profile])?.trim().to_owned(),
    };
    Ok(Signer { access_key_id, secret_access_key, session_token, region, now })
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(SystemClock.now().as_millis().unsigned_abs())
}

/// The region in the address of an API that has no domain of its own.
fn region(url: &str) -> Option<&str> {
    let host = url.split_once("://")?.1.split('/').next()?;
    host.split_once(".execute-api.")?.1.split_once(".amazonaws.")?.0.into()
}

/// What the `aws` command prints.
fn said(args: &[&str]) -> Result<String, Trouble> {
    let output = Command::new("aws").args(args).output();
    let output = output.map_err(|error| Trouble::Failed(format!("the command `aws` does not run: {error}")))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Trouble::Failed(format!("`aws {}` says: {why}", args.join(" "))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
