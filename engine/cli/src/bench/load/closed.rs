use super::{Run, answer, connect};
use bytes::BytesMut;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// A refused sender tries again after this long.
const REFUSED_PAUSE: Duration = Duration::from_millis(2);

/// Each connection posts as soon as it was answered. No helper uses processor time.
pub(super) async fn run(run: &Rc<Run>, addr: SocketAddr) -> io::Result<Duration> {
    let mut connections = Vec::new();
    for _ in 0..run.load.connections {
        connections.push(tokio::task::spawn_local(post_all(run.clone(), addr)));
    }
    for connection in connections {
        if connection.await.expect("a connection does not panic").is_err() {
            run.loaded.borrow_mut().broken += 1;
        }
    }
    Ok(Duration::ZERO)
}

async fn post_all(run: Rc<Run>, addr: SocketAddr) -> io::Result<()> {
    let mut stream = connect(addr).await?;
    let mut buffer = BytesMut::with_capacity(16 << 10);
    let mut request = run.load.request();
    loop {
        let now = run.load.clock.now();
        if now >= run.end {
            return Ok(());
        }
        let first = run.take_numbers();
        request.stamp(first, now);
        let (mut reader, mut writer) = stream.split();
        // An NDJSON stream is answered while it is sent, so both go on at once.
        let (sent, answer) =
            tokio::join!(writer.write_all(&request.bytes), answer(&mut reader, &mut buffer));
        sent?;
        let answer = answer?;
        if !run.note(first, now, &answer) {
            tokio::time::sleep(REFUSED_PAUSE).await;
        }
        if answer.is_last {
            stream = connect(addr).await?;
        }
    }
}
