//! What the function is told by its environment: how people sign in.

use errand::spi::environment::{ConfigError, Environment};
use errand_http::dashboard::SignIn;

const ISSUER: &str = "ERRAND_JWT_ISSUER";

/// What the page asks the issuer for unless told otherwise.
const SCOPES: &str = "openid";

/// How people sign in; none without the variable `ERRAND_DASHBOARD_CLIENT_ID`: then the page asks for a token.
///
/// # Errors
/// The variable that is missing beside that one, or whose text could end the header that it goes into.
pub fn read(environment: &Environment) -> Result<Option<SignIn>, ConfigError> {
    let Some(client_id) = environment.get("ERRAND_DASHBOARD_CLIENT_ID") else { return Ok(None) };
    Ok(Some(SignIn {
        issuer: environment.parsed(ISSUER)?.ok_or_else(|| ConfigError::Missing(ISSUER.to_owned()))?,
        client_id,
        scopes: environment.get("ERRAND_DASHBOARD_SCOPES").unwrap_or_else(|| SCOPES.to_owned()),
        audience: environment.required("ERRAND_JWT_AUDIENCE")?,
        connect: environment.parsed("ERRAND_DASHBOARD_CONNECT")?.unwrap_or_default(),
    }))
}
