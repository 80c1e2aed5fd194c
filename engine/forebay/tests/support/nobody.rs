//! An address at which nobody listens.

use std::sync::LazyLock;
use tokio::net::TcpSocket;

/// The URL of a port that is taken for as long as the tests run, and at which nobody listens:
/// connections are refused.
pub fn nobody() -> &'static str {
    static TAKEN: LazyLock<(TcpSocket, String)> = LazyLock::new(|| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}/in", socket.local_addr().unwrap());
        (socket, url)
    });
    &TAKEN.1
}
