use crate::api::Place;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The body of an answer.
pub enum Body {
    Whole(Bytes),
    Stream(Lines),
}

/// What is sent as it comes, until whoever sends it stops.
pub struct Lines {
    /// After an error the connection ends before the body does, so nobody takes it for whole.
    pub(crate) pieces: mpsc::Receiver<io::Result<Bytes>>,
    /// Of what has an end: set once all of it was sent.
    pub(crate) is_whole: Option<Arc<AtomicBool>>,
    /// Given back when the connection lets go of what it was sent.
    pub(crate) _place: Option<Place>,
}

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = std::task::ready!(self.pieces.poll_recv(context));
        // Whoever sends says that it was all; one that has just gone has broken off.
        let broken = || io::Error::other("it was broken off");
        let is_broken = self.is_whole.as_ref().is_some_and(|told| !told.load(Ordering::Acquire));
        Poll::Ready(match piece {
            None if is_broken => Some(Err(broken())),
            piece => piece.map(|piece| piece.map(Frame::data)),
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
