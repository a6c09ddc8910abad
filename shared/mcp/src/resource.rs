//! Whose tokens are taken, for a client that has none: `/.well-known/oauth-protected-resource` (RFC 9728).

use serde::Serialize;

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProtectedResource {
    /// The URL of `/mcp`.
    pub resource: String,
    /// The issuers of the tokens.
    pub authorization_servers: Vec<String>,
    /// The scopes that give rights; none if every token gives the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// How a token is borne.
    pub bearer_methods_supported: [&'static str; 1],
}

impl ProtectedResource {
    /// The resource at `resource`, for which `issuer` makes tokens.
    pub fn new(resource: String, issuer: String, scopes: Vec<String>) -> Self {
        Self {
            resource,
            authorization_servers: vec![issuer],
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
        }
    }
}
