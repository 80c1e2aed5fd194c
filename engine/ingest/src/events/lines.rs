use crate::events::{arrival, plain};
use crate::reply::{Body, BoxError, Refusal, Reply, accepted, item};
use crate::{Accept, Answer, Producer, Server};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use runtime::tasks;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// How many events of one stream may wait for their answers.
const WAITING_MAX: usize = 4096;
/// Answers are sent together while they are ready, up to about this.
const FRAME_BYTES: usize = 16 << 10;

/// The answer to one line, in the order of the lines.
enum Line {
    Waiting(Pin<Box<dyn Future<Output = Answer>>>),
    Refused(String),
}

impl<A: Accept + 'static> Server<A> {
    /// One JSON event a line, one answer a line, both at the same time: a sender must read the
    /// answers while it writes, or the two will wait for each other.
    pub(crate) fn lines(
        self: &Rc<Self>,
        head: &Parts,
        body: Incoming,
        producer: Producer,
    ) -> Reply {
        let (answers, answering) = mpsc::channel(WAITING_MAX);
        let trace = head.headers.get("traceparent").map(|trace| trace.as_bytes().to_vec());
        let reader = Reader { server: self.clone(), producer, trace, answers };
        tasks::spawn(reader.read(body));
        let body = Answers { answering, front: None };
        let mut response = Response::new(Body::Stream(Box::pin(body)));
        let media_type = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        Reply { response, refused: None, is_duplicate: false, is_conflict: false, id: None }
    }
}

struct Reader<A> {
    server: Rc<Server<A>>,
    producer: Producer,
    trace: Option<Vec<u8>>,
    answers: mpsc::Sender<Line>,
}

/// The stream is over: its sender left, or cannot be followed any further.
struct Over;

impl<A: Accept + 'static> Reader<A> {
    async fn read(self, mut body: Incoming) {
        let mut rest = BytesMut::new();
        loop {
            match tasks::timeout(self.server.limits.body_timeout, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    if self.take(&mut rest, bytes).await.is_err() {
                        return;
                    }
                }
                Ok(None) => {
                    let _ = self.line(rest.freeze()).await;
                    return;
                }
                Ok(Some(Err(_))) => return,
                Err(tasks::TimedOut) => {
                    let _ = self.answers.send(Line::Refused(Refusal::TooSlow.item())).await;
                    return;
                }
            }
        }
    }

    /// Each line that is whole by now; lines within one piece are not copied.
    async fn take(&self, rest: &mut BytesMut, mut bytes: Bytes) -> Result<(), Over> {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            let piece = bytes.split_to(end + 1);
            if rest.is_empty() {
                self.line(piece).await?;
            } else {
                rest.extend_from_slice(&piece);
                self.line(rest.split().freeze()).await?;
            }
        }
        rest.extend_from_slice(&bytes);
        if rest.len() > self.server.limits.body_bytes_max {
            let _ = self.answers.send(Line::Refused(Refusal::TooLarge.item())).await;
            return Err(Over);
        }
        Ok(())
    }

    async fn line(&self, line: Bytes) -> Result<(), Over> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let answer = match self.arrival(&line) {
            Ok(arrival) => Line::Waiting(Box::pin(self.server.ports.accept.offer(arrival))),
            Err(why) => Line::Refused(why.item()),
        };
        self.answers.send(answer).await.map_err(|_| Over)
    }

    fn arrival(&self, line: &Bytes) -> Result<event::Arrival, Refusal> {
        let now = self.server.ports.clock.wall();
        let item = plain::read(line).map_err(Refusal::Malformed)?;
        let arrival = arrival(&self.producer, self.trace.as_deref(), item, now);
        self.server.permitted(&self.producer, arrival.map_err(Refusal::Malformed)?)
    }
}

struct Answers {
    answering: mpsc::Receiver<Line>,
    front: Option<Line>,
}

impl Answers {
    /// The next answer in order; None when all were given.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let front = match &mut self.front {
            Some(front) => front,
            None => match self.answering.poll_recv(context) {
                Poll::Ready(Some(line)) => self.front.insert(line),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            },
        };
        let text = match front {
            Line::Refused(text) => std::mem::take(text).into(),
            Line::Waiting(answer) => match answer.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => match accepted(answer) {
                    Ok((id, is_duplicate, _)) => item(id, is_duplicate),
                    Err(why) => why.item().into(),
                },
            },
        };
        self.front = None;
        Poll::Ready(Some(text))
    }
}

impl hyper::body::Body for Answers {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut ready = BytesMut::new();
        while ready.len() < FRAME_BYTES {
            match self.poll_next(context) {
                Poll::Ready(Some(text)) => {
                    ready.extend_from_slice(&text);
                    ready.extend_from_slice(b"\n");
                }
                Poll::Ready(None) if ready.is_empty() => return Poll::Ready(None),
                Poll::Pending if ready.is_empty() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Poll::Ready(Some(Ok(Frame::data(ready.freeze()))))
    }
}
