//! A delta's bytes: JSON, deflated, since names come again and again in it and each KiB is a write unit.

use miniz_oxide::{deflate::compress_to_vec, inflate::decompress_to_vec_with_limit};

use crate::relay::Tally;
use errand::StoreError;

/// How hard to look for what comes again: 6 is zlib's default.
const LEVEL: u8 = 6;

/// More than a [`Tally`] that [`Tally::is_full`] ever is as text.
const MOST_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn write(tally: &Tally) -> Result<Vec<u8>, StoreError> {
    let text = serde_json::to_vec(tally).map_err(|problem| StoreError::Unavailable(problem.into()))?;
    Ok(compress_to_vec(&text, LEVEL))
}

pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Tally> {
    let text = decompress_to_vec_with_limit(bytes, MOST_BYTES)
        .map_err(|problem| anyhow::anyhow!("it cannot be inflated: {problem}"))?;
    Ok(serde_json::from_slice(&text)?)
}
