use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + 'a>>;
pub type Dialling<'a> = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + 'a>>;

/// The way out of the machine. Nothing here judges an address: the caller vets before it dials.
pub trait Net {
    /// All addresses of a name, in the resolver's order. `host` must not be an address literal.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;

    /// Connects to this very address; no name is looked up, no proxy is used. Nagle is off.
    fn dial(&self, to: SocketAddr) -> Dialling<'_>;
}

/// The machine's resolver (getaddrinfo, on tokio's blocking threads) and its sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsNet;

impl Net for OsNet {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            let mut addresses = Vec::new();
            for address in found {
                if !addresses.contains(&address.ip()) {
                    addresses.push(address.ip());
                }
            }
            Ok(addresses)
        })
    }

    fn dial(&self, to: SocketAddr) -> Dialling<'_> {
        Box::pin(async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

/// A listening socket that can be bound again at once after a restart. Port 0 takes a free one.
pub fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    const BACKLOG: u32 = 1024;
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks;
    use std::net::Ipv4Addr;

    #[test]
    fn what_listens_can_be_dialled() {
        let peers = tasks::run(async {
            let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            let dialled = OsNet.dial(listener.local_addr().unwrap()).await.unwrap();
            let (accepted, from) = listener.accept().await.unwrap();
            assert!(dialled.nodelay().unwrap());
            assert_eq!(accepted.peer_addr().unwrap(), from);
            (dialled.local_addr().unwrap(), from)
        });
        let (dialled, from) = peers.unwrap();
        assert_eq!(dialled, from);
    }

    #[test]
    fn the_resolver_knows_this_machine() {
        let found = tasks::run(async { OsNet.resolve("localhost").await.unwrap() }).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
    }
}
