//! What the function alone is told by its environment.

use errand::spi::environment::Environment;
use errand_aws::Deployment;
use errand_mcp::{Mcp, ProtectedResource};

/// How `/mcp` is served: nobody waits, since a call that waits is paid for.
pub fn read(environment: &Environment, deployment: &Deployment) -> Mcp {
    let said = |name: &str| environment.get(name).filter(|text| !text.is_empty());
    let (resource, issuer) = (said("ERRAND_MCP_RESOURCE"), said("ERRAND_JWT_ISSUER"));
    let resource = resource.zip(issuer).map(|(resource, issuer)| {
        ProtectedResource::new(resource, issuer, deployment.rules.scopes.names().map(str::to_owned).collect())
    });
    Mcp { waiting: None, kept: deployment.retention.clone(), resource }
}
