use crate::backup::Backup;
use bytes::{Bytes, BytesMut};
use control::{Backups, Denied, Health, Pending, Pieces, Unready};
use log::Failure;
use runtime::{Clock, spawn_thread};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Store;
use tokio::sync::mpsc::{Sender, channel, error::TrySendError};
use tokio::sync::oneshot;

/// Backups of the engine that this is a part of, one at a time.
pub struct Vault {
    pub store: Arc<Store>,
    pub data: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub health: Arc<Health>,
    pub is_taken: Arc<AtomicBool>,
}

const STOPPING: &str = "the node is stopping";
/// Senders and endpoints come first.
const NICE: u8 = 10;
const PIECE_BYTES: usize = 256 << 10;
/// Of pieces that wait to be sent.
const AHEAD: usize = 4;
/// Whoever takes no piece for so long is not listening.
const UNREAD_MAX: Duration = Duration::from_secs(60);
/// The same where the disk is full: what is dropped from the log keeps its room until it is sent.
const UNREAD_FULL_MAX: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

impl Backups for Vault {
    fn begin(&self, with_keys: bool) -> Pending<Result<Pieces, Denied>> {
        if self.is_taken.swap(true, Ordering::AcqRel) {
            return Box::pin(async { Err(Denied::Busy) });
        }
        let place = Place(self.is_taken.clone());
        let (store, data) = (self.store.clone(), self.data.clone());
        let (clock, health) = (self.clock.clone(), self.health.clone());
        let (tell, told) = oneshot::channel();
        let run = move || {
            let mut beat = || match health.is_stopping() || tell.is_closed() {
                true => Err(Failure::Unusable { path: data.clone(), why: STOPPING.into() }),
                false => Ok(()),
            };
            let of = (&*store, &*data);
            let held = Backup::hold(of, with_keys, clock.wall(), &mut beat);
            // A stop closes the log; what is held does not need it.
            drop(store);
            let backup = match held {
                Ok(backup) => backup,
                Err(failure) => {
                    let why = failure.to_string();
                    let denied = match failure {
                        Failure::Unusable { .. } => Denied::Rejected(why),
                        _ => Denied::Failed(why),
                    };
                    return drop(tell.send(Err(denied)));
                }
            };
            let (sender, pieces) = channel(AHEAD);
            let is_whole = Arc::new(AtomicBool::new(false));
            // Whoever asked may have gone; then the first piece finds nobody.
            let _ = tell.send(Ok((pieces, is_whole.clone())));
            let mut out = Outlet { sender, filled: BytesMut::new(), health };
            match backup.write(&mut out) {
                Ok(_) => is_whole.store(true, Ordering::Release),
                Err(error) => tracing::warn!(%error, "a backup was not taken whole"),
            }
            drop((out, place));
        };
        // Without a thread it is dropped, and who waits for it is told.
        let _ = spawn_thread("backup", NICE, run);
        Box::pin(async move { told.await.unwrap_or(Err(Denied::Busy)) })
    }
}

/// The right to take one, given back however it ends.
struct Place(Arc<AtomicBool>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Hands bytes on in pieces, waiting for whoever takes them.
struct Outlet {
    sender: Sender<io::Result<Bytes>>,
    filled: BytesMut,
    health: Arc<Health>,
}

impl Outlet {
    fn send(&mut self) -> io::Result<()> {
        let mut piece = Ok(self.filled.split().freeze());
        let mut waited = Duration::ZERO;
        while waited < UNREAD_MAX {
            if self.health.is_stopping() {
                return Err(io::Error::other(STOPPING));
            }
            if waited > UNREAD_FULL_MAX && self.health.reasons().contains(&Unready::DiskFloor) {
                return Err(io::Error::other("the disk needs the room of what it is slow to send"));
            }
            piece = match self.sender.try_send(piece) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(piece)) => piece,
                Err(TrySendError::Closed(_)) => {
                    return Err(io::Error::other("whoever took it has gone"));
                }
            };
            std::thread::park_timeout(PAUSE);
            waited += PAUSE;
        }
        Err(io::Error::other("nobody took a piece of it for a minute"))
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.filled.extend_from_slice(bytes);
        if self.filled.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.filled.is_empty() { Ok(()) } else { self.send() }
    }
}
