use event::Arrival;
use ingest::{Accept, Answer};
use pipeline::pump::{Publisher, Refused, Reply};
use pipeline::writer::Receipt;
use std::time::Duration;

/// Ingest's way on to the road.
pub struct Road(pub Publisher);

const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Accept for Road {
    fn offer(&self, arrival: Arrival) -> impl Future<Output = Answer> + 'static {
        let offered = self.0.offer(arrival);
        async move {
            match offered {
                Err(Refused::Busy) => Answer::Full { retry_after: RETRY_AFTER },
                Err(Refused::Stopping) => Answer::Stopping,
                Ok(reply) => match reply.await {
                    Ok(Reply::Receipt(receipt)) => answer(receipt),
                    Ok(Reply::Done(_)) => unreachable!("arrivals are answered by receipts"),
                    Err(_) => Answer::Stopping,
                },
            }
        }
    }
}

fn answer(receipt: Receipt) -> Answer {
    match receipt {
        Receipt::Accepted { id, is_duplicate, is_conflict } => {
            Answer::Accepted { id, is_duplicate, is_conflict }
        }
        Receipt::Conflict { .. } => Answer::Conflict,
        Receipt::Full => Answer::DiskFull,
    }
}
