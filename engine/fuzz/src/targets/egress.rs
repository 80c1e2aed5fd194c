use super::take::Take;
use delivery::{Address, Guard, GuardOptions};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;

pub const WORDS: &[&str] = &[
    "http://",
    "https://",
    "HTTPS:\\\\",
    "localhost",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "0177.0.0.1",
    "2130706433",
    "169.254.169.254",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1%25eth0]",
    "%31%32%37",
    "①②⑦",
    "。",
    "ok@",
    "#@",
    ":22",
    ":6379",
    ":80",
    "xn--",
    "\t",
    "..",
    "/%2e%2e/",
];

/// No packet may ever go there. From the address registries and the attacks that are known, not
/// from the guard's own table.
const FORBIDDEN: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Protocols that read lines and would take a request for commands.
const PORTS: &[u16] = &[21, 22, 23, 25, 110, 143, 465, 587, 993, 3306, 5432, 6379, 9092, 11211];

/// A byte that chooses, then an address of 16 bytes and a port, or the text of a URL.
pub fn egress(bytes: &[u8]) {
    let mut take = Take(bytes);
    match take.byte() % 4 {
        0 => socket(&mut take),
        rest => {
            let guard = Guard::new(GuardOptions { require_https: rest == 1, ..options() });
            if let Ok(text) = std::str::from_utf8(take.rest()) {
                url(text, &guard, rest == 1);
            }
        }
    }
}

fn options() -> GuardOptions {
    GuardOptions { own: vec!["[::]:8080".parse().unwrap()], ..GuardOptions::default() }
}

/// Every address that a resolver may name.
fn socket(take: &mut Take<'_>) {
    let guard = Guard::new(options());
    let six = Ipv6Addr::from(take.array::<16>());
    let port = take.u32() as u16;
    let four = Ipv4Addr::from(six.octets().first_chunk::<4>().copied().unwrap());
    for ip in [IpAddr::from(six), four.into(), four.to_ipv6_mapped().into(), nat64(four)] {
        if let Ok(dialled) = guard.vet_socket(SocketAddr::new(ip, port)) {
            may_be_dialled(dialled.ip());
            assert_eq!(dialled.ip(), ip.to_canonical(), "another address is dialled");
            assert_eq!(dialled.port(), port);
        }
    }
}

fn url(text: &str, guard: &Guard, is_https_only: bool) {
    let Ok(address) = Address::parse(text) else { return };
    let shown = address.to_string();
    assert!(text.len() <= 2048, "longer than a URL may be");
    assert!(!text.chars().any(char::is_control), "a control character");
    let again = Address::parse(&shown).expect("what is shown is an address");
    assert_eq!(again.to_string(), shown, "read again it is another");
    assert_eq!((again.host(), again.port()), (address.host(), address.port()));
    let host = address.host();
    assert!(!host.is_empty() && !host.contains(['@', '/', '\\', '#', '?', '%', ' ']), "{host}");
    // What another program reads as an address must have been read as one here.
    assert_eq!(address.literal(), host.parse::<IpAddr>().ok(), "{host}");
    let is_number = host.split('.').next_back().is_some_and(|last| {
        let is_hex = |hex: &str| hex.bytes().all(|b| b.is_ascii_hexdigit());
        last.strip_prefix("0x").is_some_and(is_hex)
            || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
    });
    assert!(!is_number || address.literal().is_some(), "{host} is a number to a resolver");
    let rest = shown.split_once("://").map(|(_, rest)| rest).unwrap();
    let authority = rest.split('/').next().unwrap();
    assert!(!authority.contains('@'), "somebody is named in {shown}");
    if guard.vet(&address).is_err() {
        return;
    }
    assert!(address.is_https() || !is_https_only, "{shown} without TLS");
    assert!(shown.starts_with("http://") || shown.starts_with("https://"), "{shown}");
    assert!(!PORTS.contains(&address.port()), "{shown}: a port of another protocol");
    if let Some(ip) = address.literal() {
        // A mapped address is dialled as the one that it stands for.
        may_be_dialled(ip.to_canonical());
    }
}

fn may_be_dialled(ip: IpAddr) {
    static NETS: OnceLock<Vec<IpNet>> = OnceLock::new();
    let nets = NETS.get_or_init(|| FORBIDDEN.iter().map(|net| net.parse().unwrap()).collect());
    let mut all = vec![ip];
    if let IpAddr::V6(six) = ip {
        all.extend(six.to_ipv4().map(IpAddr::from));
        let [.., a, b, c, d] = six.octets();
        if six.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
            all.push(Ipv4Addr::new(a, b, c, d).into());
        }
    }
    for ip in all {
        let net = nets.iter().find(|net| net.contains(&ip));
        assert!(net.is_none(), "{ip} is in {}", net.unwrap());
    }
}

fn nat64(four: Ipv4Addr) -> IpAddr {
    Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(four.to_bits())).into()
}
