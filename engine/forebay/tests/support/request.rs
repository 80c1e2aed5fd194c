//! Nodes with a management API, and requests to it, each over a connection of its own.
#![allow(dead_code, reason = "each test uses its part")]

use crate::engine::local;
use bytes::Bytes;
use forebay::{Engine, Plan};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;

pub const ADMIN: &str = "an-admin-key-for-tests";

/// Of a node whose endpoints may not be on this machine.
pub fn listening(data: &Path) -> Plan {
    with_api(local(data))
}

pub fn with_api(mut plan: Plan) -> Plan {
    plan.listen = Some(([127, 0, 0, 1], 0).into());
    plan.admin_key = Some(registry::Secret::new(ADMIN));
    plan
}

/// A node whose endpoints may be on this machine.
pub fn open(data: &Path) -> Engine {
    let mut plan = listening(data);
    plan.guard.allow_loopback = true;
    Engine::open(plan).unwrap()
}

pub async fn ask(at: SocketAddr, key: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    send(at, key, method, path, "application/json", body.to_string().into_bytes()).await
}

pub async fn send(
    at: SocketAddr,
    key: &str,
    method: &str,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> (u16, Value) {
    let (status, body) = exchange(at, key, method, path, content_type, body).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

pub async fn text(at: SocketAddr, key: &str, path: &str) -> String {
    let (_, body) = exchange(at, key, "GET", path, "text/plain", Vec::new()).await;
    String::from_utf8(body.to_vec()).unwrap()
}

async fn exchange(
    at: SocketAddr,
    key: &str,
    method: &str,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> (u16, Bytes) {
    let stream = tokio::net::TcpStream::connect(at).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    runtime::tasks::spawn(async move { drop(connection.await) });
    let request = Request::builder().method(method).uri(path);
    let request = request.header(header::HOST, "localhost");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    let request = request.header(header::CONTENT_TYPE, content_type);
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}
