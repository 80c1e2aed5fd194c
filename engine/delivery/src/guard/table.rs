use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const METADATA: &str = "cloud metadata service";

/// The first entry that holds an address names it. Sources: the IANA special-purpose registries.
const V4: &[(&str, [u8; 4], u8)] = &[
    (METADATA, [169, 254, 169, 254], 32),
    (METADATA, [169, 254, 170, 2], 32),
    (METADATA, [100, 100, 100, 200], 32),
    (METADATA, [168, 63, 129, 16], 32),
    (METADATA, [192, 0, 0, 192], 32),
    ("this network", [0, 0, 0, 0], 8),
    ("private network", [10, 0, 0, 0], 8),
    ("shared address space", [100, 64, 0, 0], 10),
    ("loopback", [127, 0, 0, 0], 8),
    ("link-local", [169, 254, 0, 0], 16),
    ("private network", [172, 16, 0, 0], 12),
    ("protocol assignments", [192, 0, 0, 0], 24),
    ("documentation", [192, 0, 2, 0], 24),
    ("AS112", [192, 31, 196, 0], 24),
    ("AMT", [192, 52, 193, 0], 24),
    ("6to4 relay", [192, 88, 99, 0], 24),
    ("private network", [192, 168, 0, 0], 16),
    ("AS112", [192, 175, 48, 0], 24),
    ("benchmarks", [198, 18, 0, 0], 15),
    ("documentation", [198, 51, 100, 0], 24),
    ("documentation", [203, 0, 113, 0], 24),
    ("multicast", [224, 0, 0, 0], 4),
    ("broadcast", [255, 255, 255, 255], 32),
    ("reserved", [240, 0, 0, 0], 4),
];

const V6: &[(&str, [u16; 8], u8)] = &[
    (METADATA, [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
    (METADATA, [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
    ("unspecified", [0, 0, 0, 0, 0, 0, 0, 0], 128),
    ("loopback", [0, 0, 0, 0, 0, 0, 0, 1], 128),
    ("IPv4-compatible", [0, 0, 0, 0, 0, 0, 0, 0], 96),
    ("IPv4-mapped", [0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
    ("IPv4-translated", [0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
    ("local NAT64", [0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    ("discard", [0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    ("Teredo", [0x2001, 0, 0, 0, 0, 0, 0, 0], 32),
    ("documentation", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ("protocol assignments", [0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ("6to4", [0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ("documentation", [0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    ("segment routing", [0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    ("unique local", [0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ("link-local", [0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ("site-local", [0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    ("multicast", [0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

/// All of IPv6 that is in public use; what lies outside is refused without a name of its own.
const V6_PUBLIC: ([u16; 8], u8) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
const V6_NAT64: ([u16; 8], u8) = ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Sorted. What browsers refuse (WHATWG Fetch, "bad port"), and common databases and brokers
/// whose line protocols could be made to read an HTTP request as commands.
pub const PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    445, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 873,
    989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 1883, 2049, 3306, 3389, 3659, 4045, 4190,
    4222, 5060, 5061, 5432, 5672, 5900, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
    9042, 9092, 10080, 11211, 27017,
];

/// Why an address is not for the public, and the network that says so.
pub fn rule(ip: IpAddr) -> Option<(&'static str, IpNet)> {
    match ip {
        IpAddr::V4(ip) => V4
            .iter()
            .map(|(name, network, bits)| (*name, v4(*network, *bits)))
            .find(|(_, network)| network.contains(&ip))
            .map(|(name, network)| (name, network.into())),
        IpAddr::V6(ip) => V6
            .iter()
            .map(|(name, network, bits)| (*name, v6(*network, *bits)))
            .find(|(_, network)| network.contains(&ip))
            .or_else(|| outside_public(ip))
            .map(|(name, network)| (name, network.into())),
    }
}

fn outside_public(ip: Ipv6Addr) -> Option<(&'static str, Ipv6Net)> {
    let is_public = [V6_PUBLIC, V6_NAT64].iter().any(|(net, bits)| v6(*net, *bits).contains(&ip));
    (!is_public).then(|| ("outside 2000::/3", v6(ip.segments(), 128)))
}

fn v4(network: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from(network), bits)
}

fn v6(network: [u16; 8], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from(network), bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_sorted_for_the_search() {
        assert!(PORTS.is_sorted());
    }
}
