use crate::Guard;
use bytes::Bytes;
use event::Cause;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response};
use runtime::tasks;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// A connection that stood idle for one to two of these is closed.
const SWEEP: Duration = Duration::from_secs(30);
/// More than the largest window of an endpoint is never of use.
const IDLE_MAX: usize = 64;
/// How long a connection may need to be ready again after an answer: one that takes longer is
/// still writing a request whose answer came early.
const SETTLE: Duration = Duration::from_millis(100);

pub(crate) enum Link {
    H1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

/// An open connection and the vetted address that it leads to.
pub(crate) struct Connection {
    pub link: Link,
    pub peer: SocketAddr,
}

/// Why a request has no answer.
pub(crate) enum Unsent {
    /// Nothing of it was sent: it may go another way.
    HandedBack(Box<Request<Full<Bytes>>>, Cause),
    Failed(Cause),
}

impl Connection {
    /// Waits for a turn; false when the connection is of no more use.
    pub async fn is_usable(&mut self) -> bool {
        let Link::H1(link) = &mut self.link else { return true };
        link.is_ready() || matches!(tasks::timeout(SETTLE, link.ready()).await, Ok(Ok(())))
    }

    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Unsent> {
        let sent = match &mut self.link {
            Link::H1(link) => link.try_send_request(request).await,
            Link::H2(link) => link.try_send_request(request).await,
        };
        sent.map_err(Unsent::from)
    }

    fn is_closed(&self) -> bool {
        match &self.link {
            Link::H1(link) => link.is_closed(),
            Link::H2(link) => link.is_closed(),
        }
    }
}

impl From<TrySendError<Request<Full<Bytes>>>> for Unsent {
    fn from(mut failed: TrySendError<Request<Full<Bytes>>>) -> Unsent {
        let cause = crate::connect::cause_of(failed.error());
        match failed.take_message() {
            Some(request) => Unsent::HandedBack(Box::new(request), cause),
            None => Unsent::Failed(cause),
        }
    }
}

/// The connections of one endpoint that wait for its next request.
#[derive(Default)]
pub(crate) struct Pool(Rc<RefCell<Idle>>);

#[derive(Default)]
struct Idle {
    connections: Vec<(Connection, u64)>,
    sweeps: u64,
    is_swept: bool,
}

impl Pool {
    /// The one used last, for it is the least likely to have been closed by the peer. Whether its
    /// address may still be dialled is asked again.
    pub fn take(&self, guard: &Guard) -> Option<Connection> {
        let mut idle = self.0.borrow_mut();
        while let Some((connection, _)) = idle.connections.pop() {
            if connection.is_closed() || guard.vet_socket(connection.peer).is_err() {
                continue;
            }
            if let Link::H2(link) = &connection.link {
                let shared = Connection { link: Link::H2(link.clone()), peer: connection.peer };
                let sweeps = idle.sweeps;
                idle.connections.push((shared, sweeps));
            }
            return Some(connection);
        }
        None
    }

    /// Gives back a connection whose answer was read to its end. One connection of h2 carries all.
    pub fn put(&self, connection: Connection) {
        let mut idle = self.0.borrow_mut();
        let is_h2 = matches!(connection.link, Link::H2(_));
        // Looking at each of many idle connections takes longer than a request. Closed ones that
        // stay are passed over by `take`, and swept.
        if is_h2 || idle.connections.len() >= IDLE_MAX {
            idle.connections.retain(|(c, _)| !c.is_closed());
        }
        let has_h2 = || idle.connections.iter().any(|(c, _)| matches!(c.link, Link::H2(_)));
        let is_spare = is_h2 && has_h2();
        if is_spare || connection.is_closed() || idle.connections.len() >= IDLE_MAX {
            return;
        }
        let sweeps = idle.sweeps;
        idle.connections.push((connection, sweeps));
        if !std::mem::replace(&mut idle.is_swept, true) {
            tasks::spawn(sweep(Rc::downgrade(&self.0)));
        }
    }

    /// A connection of h2 that takes no more requests may be a while in dying; nobody shall be
    /// sent there, nor shall it keep its successor out.
    pub fn forget_shared(&self) {
        self.0.borrow_mut().connections.retain(|(c, _)| !matches!(c.link, Link::H2(_)));
    }
}

/// Lives as long as there is something to sweep: an idle endpoint costs no timer.
async fn sweep(pool: Weak<RefCell<Idle>>) {
    loop {
        tasks::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.borrow_mut();
        let sweeps = idle.sweeps;
        idle.connections.retain(|(c, used)| *used == sweeps && !c.is_closed());
        idle.sweeps += 1;
        if idle.connections.is_empty() {
            idle.is_swept = false;
            return;
        }
    }
}
