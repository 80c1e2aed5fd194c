//! Alone in its process, for it takes the process's file descriptors away.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a client from outside")]

use arc_swap::ArcSwap;
use event::{Arrival, Time};
use ingest::{Accept, Answer, Body, Limits, Ports, Server, SourceTable};
use runtime::{ManualClock, listen, tasks};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Nobody;

impl Accept for Nobody {
    fn offer(&self, _: Arrival) -> impl Future<Output = Answer> + 'static {
        std::future::ready(Answer::Stopping)
    }
}

#[test]
fn a_server_out_of_descriptors_waits_and_goes_on() {
    tasks::run(async {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = listener.local_addr().unwrap();
        let ports = Ports {
            accept: Nobody,
            clock: Arc::new(ManualClock::at(Time::ZERO)),
            sources: Arc::new(ArcSwap::from_pointee(SourceTable::new(vec![]).unwrap())),
            producer: Box::new(|_, _, _| Err(ingest::NoProducer::Key)),
            unfit: Box::new(|_, _| None),
            fallback: Box::new(|_| {
                Box::pin(async { hyper::Response::new(Body::Whole("here".into())) })
            }),
            observe: Box::new(|_| {}),
        };
        tasks::spawn(Server::new(ports, Limits::default()).serve(listener, std::future::pending()));

        let mut limit = getrlimit(Resource::Nofile);
        limit.current = Some(64);
        setrlimit(Resource::Nofile, limit).unwrap();
        let mut clients = Vec::new();
        while let Ok(client) = TcpStream::connect(at).await {
            clients.push(client);
        }
        assert!(clients.len() > 10);
        // More come than can be accepted: each end of a connection is a descriptor of ours. The
        // server gets to try, and to fail, while nothing is free.
        tasks::sleep(Duration::from_millis(150)).await;
        let mut last = clients.pop().unwrap();
        drop(clients);
        last.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let read = last.read_to_string(&mut answer);
        tasks::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
    })
    .unwrap();
}
