use crate::demo::digest::Digest;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// What sender and receiver tell the one thread that keeps count.
#[derive(Debug)]
pub enum News {
    /// A request was answered 2xx.
    Accepted(Accepted),
    /// A forged request was answered with this status.
    Forged {
        payload: usize,
        status: u16,
    },
    /// The engine asked to slow down, and the request is sent again.
    PushedBack,
    /// A request was not answered as it should have been.
    Unanswered {
        payload: usize,
        why: String,
    },
    SentAll,
    Arrived(Arrived),
}

#[derive(Debug)]
pub struct Accepted {
    pub payload: usize,
    /// What makes two requests the same delivery.
    pub key: Digest,
    /// As the answer gave it.
    pub id: String,
    pub is_duplicate: bool,
    /// Of the body that was sent.
    pub digest: Digest,
    pub sent_at: Instant,
    pub took: Duration,
    pub bytes: usize,
}

#[derive(Debug)]
pub struct Arrived {
    /// Its place among the endpoints.
    pub endpoint: usize,
    /// The header `webhook-id`.
    pub id: String,
    pub attempt: u32,
    /// By the crate `standardwebhooks`.
    pub is_signed: bool,
    /// What the receiver answered.
    pub status: u16,
    /// The receiver counts it as its own.
    pub is_kept: bool,
    pub digest: Digest,
    pub body: Bytes,
    pub at: Instant,
}
