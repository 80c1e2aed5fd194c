use control::{Denied, Pending};
use runtime::spawn_thread;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// Work of which one piece is done at a time, and a few wait, each with its bytes in memory.
pub struct Queue {
    /// Of the threads that do it.
    name: &'static str,
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

const PLACES: usize = 16;
const NICE: u8 = 5;

impl Queue {
    pub fn new(name: &'static str) -> Queue {
        let (places, turn) = (Arc::new(Semaphore::new(PLACES)), Arc::new(Semaphore::new(1)));
        Queue { name, places, turn }
    }

    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Denied> + Send + 'static,
    ) -> Pending<Result<T, Denied>> {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return Box::pin(async { Err(Denied::Busy) });
        };
        let (name, turn) = (self.name, self.turn.clone());
        Box::pin(async move {
            let turn = turn.acquire_owned().await.map_err(|_| Denied::Stopping)?;
            let (tell, told) = oneshot::channel();
            let work = move || {
                let came = work();
                drop((turn, place));
                // The asker may have gone; what was kept is there when it asks again.
                let _ = tell.send(came);
            };
            spawn_thread(name, NICE, work).map_err(|_| Denied::Busy)?;
            told.await.unwrap_or(Err(Denied::Busy))
        })
    }
}
