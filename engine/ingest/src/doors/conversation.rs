use crate::{Accept, Body, Limits, Ports, Producers, Server, SourceTable};
use arc_swap::ArcSwap;
use event::Time;
use hyper::Response;
use runtime::{ManualClock, tasks};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::sync::watch;
use tokio::task::yield_now;

/// One connection, from its first byte to its end.
pub struct Conversation<A> {
    pub accept: A,
    pub sources: SourceTable,
    pub producers: Producers,
    pub limits: Limits,
    pub now: Time,
}

/// Much more than a conversation holds, so that neither side waits for the other to read.
const ROOM_BYTES: usize = 8 << 20;
/// Turns of all tasks after a piece, and after the last one.
const TURNS: usize = 4;
const TURNS_AT_END: usize = 64;

impl<A: Accept + 'static> Conversation<A> {
    /// All that the server answers to these pieces. Panics when the connection's task does.
    pub fn hold(self, pieces: &[&[u8]]) -> Vec<u8> {
        let (near, far) = duplex(ROOM_BYTES);
        let server = Server::new(
            Ports {
                accept: self.accept,
                clock: Arc::new(ManualClock::at(self.now)),
                sources: Arc::new(ArcSwap::from_pointee(self.sources)),
                producer: self.producers,
                unfit: Box::new(|_, _| None),
                fallback: Box::new(|_| {
                    Box::pin(async { Response::new(Body::Whole("elsewhere".into())) })
                }),
                observe: Box::new(|_| {}),
            },
            self.limits,
        );
        let work = async move {
            let (_running, stopped) = watch::channel(());
            let peer = SocketAddr::from(([127, 0, 0, 1], 9));
            let serving = tasks::spawn(server.connection(far, peer, stopped));
            let (mut answers, mut requests) = split(near);
            for piece in pieces {
                // A server that has hung up reads no further.
                let _ = requests.write_all(piece).await;
                turn(TURNS).await;
            }
            turn(TURNS_AT_END).await;
            let _ = requests.shutdown().await;
            serving.await.expect("a connection ends without a panic");
            let mut answered = Vec::new();
            answers.read_to_end(&mut answered).await.expect("memory can be read");
            answered
        };
        tasks::run(work).expect("a runtime can be made")
    }
}

async fn turn(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}
