//! Names are resolved as a connection is opened, and what may not be called is left out of the answer: a name that leads
//! elsewhere the next time is judged anew, and nothing lies between the judging and the connecting.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{net::lookup_host, time::timeout};

use crate::address::Targets;

/// How long a name may take to be resolved.
const RESOLVE: Duration = Duration::from_secs(5);

/// What the operating system answers.
pub(super) struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What of another's answers may be called.
pub(super) struct Guarded {
    pub(super) names: Arc<dyn Resolve>,
    pub(super) targets: Targets,
    /// The port of the URLs that are called, where this server listens on the same.
    pub(super) port: Option<u16>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, targets, port) = (self.names.resolve(name), self.targets, self.port);
        Box::pin(async move {
            let (mut admitted, mut refused) = (Vec::new(), None);
            for address in timeout(RESOLVE, found).await?? {
                match targets.admit_address(address.ip(), port) {
                    Ok(()) => admitted.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if admitted.is_empty() => Err(why.into()),
                _ => Ok(Box::new(admitted.into_iter()) as Addrs),
            }
        })
    }
}
