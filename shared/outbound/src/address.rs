//! Which addresses a target may have. Who says where a call goes must not reach by it what they could not reach
//! themselves: this server, its neighbours, and what a cloud tells its machines of themselves.

mod reach;

use std::net::{IpAddr, SocketAddr, UdpSocket};

use reqwest::Url;

pub use reach::Reach;
use reach::reach;

/// Where the targets of an installation may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allowance {
    /// On the public internet, by https alone: on AWS.
    PublicHttps,
    /// There, and on this machine.
    Loopback,
    /// There, and in private networks.
    Private,
}

/// Why a target is not called. Says nothing of what its name resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Another scheme.
    #[error("a target is called by {0} alone")]
    Scheme(&'static str),
    /// It names who calls: that would be a secret that is not kept as one.
    #[error("a target's URL has no user and no password in it")]
    User,
    /// It is elsewhere than it may be.
    #[error("the target's address is {}, and may not be called", .0.as_str())]
    Address(Reach),
    /// It is where this server listens.
    #[error("the target is this server itself")]
    Ourselves,
}

/// What of all targets may be called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Targets {
    allowance: Allowance,
    ours: Option<SocketAddr>,
}

impl Targets {
    /// Those of `allowance`; not `ours`, where this server listens.
    pub(crate) fn new(allowance: Allowance, ours: Option<SocketAddr>) -> Self {
        Self { allowance, ours }
    }

    /// Whether `url` may be called, as far as it says itself where it leads: a name may lead anywhere.
    pub(crate) fn admit(&self, url: &Url) -> Result<(), NotAllowed> {
        match (url.scheme(), self.allowance) {
            ("https", _) | ("http", Allowance::Loopback | Allowance::Private) => {}
            (_, Allowance::PublicHttps) => return Err(NotAllowed::Scheme("https")),
            _ => return Err(NotAllowed::Scheme("http and https")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotAllowed::User);
        }
        // Whatever way it was written, by now a number is written as addresses are.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host.parse().map_or(Ok(()), |ip| self.admit_address(ip, url.port_or_known_default()))
    }

    /// Whether a connection to `ip` may be opened, to this port if it is known.
    pub(crate) fn admit_address(&self, ip: IpAddr, port: Option<u16>) -> Result<(), NotAllowed> {
        let reach = reach(ip);
        let most = match self.allowance {
            Allowance::PublicHttps => Reach::Public,
            Allowance::Loopback => Reach::Loopback,
            Allowance::Private => Reach::Private,
        };
        if reach > most {
            return Err(NotAllowed::Address(reach));
        }
        match self.ours {
            Some(ours) if port == Some(ours.port()) && is_at(ours.ip(), ip.to_canonical()) => {
                Err(NotAllowed::Ourselves)
            }
            _ => Ok(()),
        }
    }

    /// Whether a call to this port might be one to this server.
    pub(crate) fn may_be_ours(&self, port: Option<u16>) -> bool {
        self.ours.is_some_and(|ours| port == Some(ours.port()))
    }
}

/// Whether who listens on `listened` hears what is sent to `ip`. On every address of this machine: those are the ones
/// that a socket here can have.
fn is_at(listened: IpAddr, ip: IpAddr) -> bool {
    let listened = listened.to_canonical();
    listened == ip || listened.is_unspecified() && UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(targets: Targets, url: &str) -> Result<(), NotAllowed> {
        targets.admit(&url.parse().unwrap())
    }

    #[test]
    fn each_allowance_has_its_schemes_and_networks() {
        let answers = |url: &str| {
            let all = [Allowance::PublicHttps, Allowance::Loopback, Allowance::Private];
            all.map(|allowance| admit(Targets::new(allowance, None), url).is_ok())
        };
        assert_eq!(answers("https://example.com/"), [true; 3]);
        assert_eq!(answers("http://example.com/"), [false, true, true]);
        assert_eq!(answers("https://8.8.8.8/"), [true; 3]);
        assert_eq!(answers("http://127.0.0.1:3000/"), [false, true, true]);
        assert_eq!(answers("https://[::1]/"), [false, true, true]);
        assert_eq!(answers("https://192.168.1.7/"), [false, false, true]);
        assert_eq!(answers("https://169.254.169.254/"), [false; 3]);
        assert_eq!(answers("ftp://example.com/"), [false; 3]);
        assert_eq!(answers("https://ada@example.com/"), [false; 3]);
        assert_eq!(answers("https://:s3cret@example.com/"), [false; 3]);
    }

    #[test]
    fn this_server_is_no_target_however_it_is_named() {
        let ours = |ours: &str| Targets::new(Allowance::Private, Some(ours.parse().unwrap()));
        let here = ours("127.0.0.1:8787");
        for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"] {
            assert_eq!(admit(here, &format!("http://{host}:8787/")), Err(NotAllowed::Ourselves), "{host}");
            assert_eq!(admit(here, &format!("http://{host}:3000/")), Ok(()), "{host}");
        }
        assert_eq!(admit(here, "http://127.0.0.2:8787/"), Ok(()), "another may listen there");
        for listened in ["0.0.0.0:8787", "[::]:8787"] {
            for host in ["127.0.0.1", "127.9.9.9"] {
                assert_eq!(
                    admit(ours(listened), &format!("http://{host}:8787/")),
                    Err(NotAllowed::Ourselves),
                    "{host}"
                );
            }
            assert_eq!(admit(ours(listened), "http://8.8.8.8:8787/"), Ok(()));
        }
        assert_eq!(admit(ours("127.0.0.1:80"), "http://127.0.0.1/"), Err(NotAllowed::Ourselves), "the default port");
    }
}
