//! What is sent: every body is another one, so that a body names its event.

use bytes::Bytes;
use event::Rng;
use sha2::{Digest, Sha256};

pub type Sum = [u8; 32];

/// One event as its sender has it.
#[derive(Clone)]
pub struct Letter {
    /// The sender's own name for it.
    pub key: String,
    pub body: Bytes,
    pub sum: Sum,
    pub traits: Traits,
}

/// What the endpoints choose by.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    pub is_push: bool,
    pub is_main: bool,
    pub is_chosen: bool,
    pub is_refused: bool,
}

impl Letter {
    pub fn new(sender: usize, n: u64, rng: &mut Rng) -> Letter {
        let traits = Traits {
            is_push: n.is_multiple_of(2),
            is_main: rng.range(0..2) == 0,
            is_chosen: rng.range(0..3) == 0,
            is_refused: rng.range(0..40) == 0,
        };
        let branch = if traits.is_main { "main" } else { "next" };
        let Traits { is_chosen, is_refused, .. } = traits;
        let pad = "x".repeat(rng.range(0..2000) as usize);
        let body = format!(
            "{{\"sender\":{sender},\"n\":{n},\"ref\":\"refs/heads/{branch}\",\
             \"chosen\":{is_chosen},\"refused\":{is_refused},\"pad\":\"{pad}\"}}"
        );
        let sum = sum(body.as_bytes());
        Letter { key: format!("{sender}-{n}"), body: body.into(), sum, traits }
    }

    pub fn request(&self) -> Vec<u8> {
        let event_type = if self.traits.is_push { "push" } else { "order.paid" };
        let head = format!(
            "POST /in/load HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             x-type: {event_type}\r\nx-delivery: {}\r\ncontent-length: {}\r\n\r\n",
            self.key,
            self.body.len()
        );
        [head.as_bytes(), &self.body].concat()
    }
}

pub fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}
