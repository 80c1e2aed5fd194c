use crate::api::Place;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The body of an answer.
pub enum Body {
    Whole(Bytes),
    Stream(Lines),
}

/// What is sent as it comes, until whoever sends it stops.
pub struct Lines {
    pub(crate) pieces: mpsc::Receiver<Bytes>,
    /// Given back when the connection lets go of what it was sent.
    pub(crate) _place: Place,
}

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
