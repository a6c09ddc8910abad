//! What is secret of a type's target, as it is put.

use std::sync::Arc;

use errand::{App, spi::store::RecordKey};
use errand_http::ApiError;
use errand_outbound::{Keyring, SecretError};

use crate::{Pushing, RunBy, TypeRecord, target::TargetSecrets};

/// Puts what is secret of a target where it is sealed, for the record at `place`; what signs its calls, if that is new.
pub(super) fn seal(
    app: &App,
    place: &RecordKey,
    before: Option<&TypeRecord>,
    record: &mut TypeRecord,
) -> Result<Option<String>, ApiError> {
    let RunBy::Http { url, headers } = &mut record.run else { return Ok(None) };
    if let Some(pushing) = app.types.state::<Arc<Pushing>>() {
        pushing.admit(url)?;
    }
    let keyring = keyring(app)?;
    let kept =
        before.and_then(|before| before.sealed.as_deref()).map(|sealed| TargetSecrets::open(keyring, place, sealed));
    // What does not open is of another key: it is made anew, and shown.
    let kept = kept.and_then(Result::ok);
    let is_new = kept.is_none();
    let secrets = match kept {
        Some(kept) => kept,
        None => TargetSecrets::fresh().map_err(unkept)?,
    };
    let secrets = secrets.with_headers(headers)?;
    record.sealed = Some(secrets.seal(keyring, place).map_err(unkept)?);
    Ok(is_new.then(|| secrets.signing.current().reveal()))
}

pub(super) fn keyring(app: &App) -> Result<&Keyring, ApiError> {
    let keyring = app.types.state::<Arc<Keyring>>().map(|keyring| &**keyring);
    keyring.ok_or_else(keyless)
}

pub(super) fn keyless() -> ApiError {
    ApiError::conflict("this installation has no key for secrets: it is started without")
}

pub(super) fn unkept(error: SecretError) -> ApiError {
    ApiError::conflict(error.to_string())
}
