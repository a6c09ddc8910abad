//! From where an address can be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From where an address can be reached, the widest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// From anywhere.
    Public,
    /// From this machine.
    Loopback,
    /// From its network.
    Private,
    /// A cloud's own, or nobody's, or one that hides another.
    Reserved,
}

impl Reach {
    /// The word for it, in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "on this machine",
            Self::Private => "in a private network",
            Self::Reserved => "reserved",
        }
    }
}

type Network = (IpAddr, u32, Reach);

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u32, reach: Reach) -> Network {
    (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits, reach)
}

const fn v6(head: [u16; 4], tail: [u16; 4], bits: u32, reach: Reach) -> Network {
    let ([a, b, c, d], [e, f, g, h]) = (head, tail);
    (IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), bits, reach)
}

/// What is not public, by IANA's registries of special addresses; the first that fits counts. What nothing fits is
/// public of IPv4, and reserved of IPv6.
const NETWORKS: [Network; 31] = [
    // What clouds tell their machines, where it is not link-local: Alibaba, Oracle, Azure, AWS, Google.
    v4(100, 100, 100, 200, 32, Reach::Reserved),
    v4(192, 0, 0, 192, 32, Reach::Reserved),
    v4(168, 63, 129, 16, 32, Reach::Reserved),
    v6([0xfd00, 0xec2, 0, 0], [0; 4], 32, Reach::Reserved),
    v6([0xfd20, 0xce, 0, 0], [0; 4], 32, Reach::Reserved),
    v4(0, 0, 0, 0, 8, Reach::Reserved),
    v4(10, 0, 0, 0, 8, Reach::Private),
    v4(100, 64, 0, 0, 10, Reach::Private),
    v4(127, 0, 0, 0, 8, Reach::Loopback),
    v4(169, 254, 0, 0, 16, Reach::Reserved),
    v4(172, 16, 0, 0, 12, Reach::Private),
    v4(192, 0, 0, 0, 24, Reach::Reserved),
    v4(192, 0, 2, 0, 24, Reach::Reserved),
    v4(192, 31, 196, 0, 24, Reach::Reserved),
    v4(192, 52, 193, 0, 24, Reach::Reserved),
    v4(192, 88, 99, 0, 24, Reach::Reserved),
    v4(192, 168, 0, 0, 16, Reach::Private),
    v4(192, 175, 48, 0, 24, Reach::Reserved),
    v4(198, 18, 0, 0, 15, Reach::Reserved),
    v4(198, 51, 100, 0, 24, Reach::Reserved),
    v4(203, 0, 113, 0, 24, Reach::Reserved),
    v4(224, 0, 0, 0, 4, Reach::Reserved),
    v4(240, 0, 0, 0, 4, Reach::Reserved),
    v6([0; 4], [0, 0, 0, 1], 128, Reach::Loopback),
    v6([0xfc00, 0, 0, 0], [0; 4], 7, Reach::Private),
    // Teredo, benchmarks and the like, documentation, 6to4.
    v6([0x2001, 0, 0, 0], [0; 4], 23, Reach::Reserved),
    v6([0x2001, 0xdb8, 0, 0], [0; 4], 32, Reach::Reserved),
    v6([0x2002, 0, 0, 0], [0; 4], 16, Reach::Reserved),
    v6([0x2620, 0x4f, 0x8000, 0], [0; 4], 48, Reach::Reserved),
    v6([0x3fff, 0, 0, 0], [0; 4], 20, Reach::Reserved),
    v6([0x2000, 0, 0, 0], [0; 4], 3, Reach::Public),
];

/// By which a network of IPv6 alone reaches an address of IPv4, which follows.
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

/// From where `ip` can be reached. One of IPv6 that has one of IPv4 in it is mostly reserved: who translates it is
/// elsewhere, and nobody's target needs it. Two are in use: the mapped one, which is the other written otherwise, and
/// NAT64's.
pub(super) fn reach(ip: IpAddr) -> Reach {
    let ip = ip.to_canonical();
    if let IpAddr::V6(v6) = ip {
        if within(ip, IpAddr::V6(NAT64), 96) {
            let [.., a, b, c, d] = v6.octets();
            // A private one would be private to the network of whoever translates.
            return if reach([a, b, c, d].into()) == Reach::Public { Reach::Public } else { Reach::Reserved };
        }
        // ISATAP: whatever the network, the machine in it is named by an address of IPv4.
        let [.., e, f, _, _] = v6.segments();
        if matches!((e, f), (0 | 0x200, 0x5efe)) {
            return Reach::Reserved;
        }
    }
    let fits = NETWORKS.iter().find(|(network, bits, _)| within(ip, *network, *bits));
    match (fits, ip) {
        (Some((.., reach)), _) => *reach,
        (None, IpAddr::V4(_)) => Reach::Public,
        (None, IpAddr::V6(_)) => Reach::Reserved,
    }
}

/// Whether the first `bits` of both are the same.
fn within(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => (ip.to_bits() ^ network.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(ip), IpAddr::V6(network)) => (ip.to_bits() ^ network.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Reach {
        reach(ip.parse().unwrap())
    }

    #[test]
    fn the_neighbours_of_what_is_special_are_public() {
        let public = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 \
            169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
            198.51.99.255 203.0.114.0 223.255.255.255 2606:4700::1111 2001:4860:4860::8888 2001:200::1 2003::1 \
            64:ff9b::808:808 ::ffff:8.8.8.8 3ffe::1";
        for ip in public.split_whitespace() {
            assert_eq!(of(ip), Reach::Public, "{ip}");
        }
    }

    #[test]
    fn what_a_network_may_have_is_private_and_what_a_machine_has_is_its_own() {
        for ip in "10.0.0.1 100.64.0.1 172.31.255.255 192.168.0.1 fc00::1 fdff::1 ::ffff:10.0.0.1".split_whitespace() {
            assert_eq!(of(ip), Reach::Private, "{ip}");
        }
        for ip in "127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1".split_whitespace() {
            assert_eq!(of(ip), Reach::Loopback, "{ip}");
        }
    }
}
