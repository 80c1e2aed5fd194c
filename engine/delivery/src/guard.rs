use crate::Address;
use event::Refusal;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

mod table;

/// Decides where nothing may ever be sent. It judges addresses, never names: whoever dials asks
/// it about every address that a name has, and dials only what it let through.
#[derive(Clone, Debug)]
pub struct Guard {
    options: GuardOptions,
}

#[derive(Clone, Debug, Default)]
pub struct GuardOptions {
    /// `[delivery] allow_networks`. Cloud metadata services need an entry for the single address.
    pub allow_networks: Vec<IpNet>,
    /// `--dev`: this machine may be reached, save our own listeners.
    pub allow_loopback: bool,
    /// `[server] require_https` is `out` or `both`.
    pub require_https: bool,
    /// Where the engine itself listens: a delivery to it would feed on itself.
    pub own: Vec<SocketAddr>,
}

impl Guard {
    pub fn new(options: GuardOptions) -> Guard {
        Guard { options }
    }

    /// All that can be said of a URL before its name is resolved.
    pub fn vet(&self, address: &Address) -> Result<(), Refusal> {
        if self.options.require_https && !address.is_https() {
            return Err(Refusal {
                rule: "http where https is required".into(),
                allow: r#"[server] require_https = "none""#.into(),
            });
        }
        if table::PORTS.binary_search(&address.port()).is_ok() {
            let rule = format!("port {} belongs to a protocol other than HTTP", address.port());
            return Err(Refusal { rule: rule.into(), allow: "".into() });
        }
        match address.literal() {
            Some(ip) => self.vet_socket((ip, address.port()).into()).map(|_| ()),
            None => Ok(()),
        }
    }

    /// The address to dial in its plainest form, or why it must not be dialled.
    pub fn vet_socket(&self, to: SocketAddr) -> Result<SocketAddr, Refusal> {
        let plain = SocketAddr::new(to.ip().to_canonical(), to.port());
        if self.options.own.iter().any(|own| is_own(*own, plain)) {
            let rule = format!("{plain} is where this engine listens");
            return Err(Refusal { rule: rule.into(), allow: "".into() });
        }
        // Judged is also what an address of another kind stands for.
        for ip in [Some(plain.ip()), behind_nat64(plain.ip())].into_iter().flatten() {
            self.vet_ip(ip)?;
        }
        Ok(plain)
    }

    fn vet_ip(&self, ip: IpAddr) -> Result<(), Refusal> {
        let Some((name, network)) = table::rule(ip) else {
            return Ok(());
        };
        let is_metadata = name == table::METADATA;
        let is_allowed = |allowed: &IpNet| {
            allowed.contains(&ip) && (!is_metadata || allowed.prefix_len() == host_bits(ip))
        };
        if self.options.allow_networks.iter().any(is_allowed)
            || (self.options.allow_loopback && ip.is_loopback())
        {
            return Ok(());
        }
        Err(Refusal {
            rule: format!("{name} ({network})").into(),
            allow: format!(r#"[delivery] allow_networks = ["{network}"]"#).into(),
        })
    }
}

fn is_own(own: SocketAddr, to: SocketAddr) -> bool {
    let own_ip = own.ip().to_canonical();
    let is_here = own_ip == to.ip()
        || to.ip().is_unspecified()
        || (own_ip.is_unspecified() && to.ip().is_loopback());
    own.port() == to.port() && is_here
}

fn host_bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// 64:ff9b::/96 is how a network without IPv4 reaches IPv4, so it is as good as what it carries.
fn behind_nat64(ip: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(ip) = ip else { return None };
    let is_nat64 = ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    is_nat64.then(|| Ipv4Addr::from_bits(ip.to_bits() as u32).into())
}

#[cfg(test)]
mod tests;
