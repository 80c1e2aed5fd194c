use crate::endpoint::{Endpoint, OK, cause, client, send, status, target};
use event::Cause;
use runtime::tasks;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

#[test]
fn attempts_share_a_connection_one_after_the_other() {
    tasks::run(async {
        let endpoint = Endpoint::answering(OK);
        let client = client();
        let target = target(&client, &endpoint.url());
        for _ in 0..100 {
            assert_eq!(status(&send(&client, &target).await), Some(200));
        }
        assert_eq!(endpoint.connections.get(), 1);
    })
    .unwrap();
}

#[test]
fn attempts_at_once_have_a_connection_each_and_leave_them_to_the_next() {
    tasks::run(async {
        let endpoint = Endpoint::answering(OK);
        let client = Rc::new(client());
        let target = Rc::new(target(&client, &endpoint.url()));
        for _ in 0..3 {
            let attempts: Vec<_> = (0..8)
                .map(|_| {
                    let (client, target) = (client.clone(), target.clone());
                    tasks::spawn(async move { send(&client, &target).await })
                })
                .collect();
            for attempt in attempts {
                assert_eq!(status(&attempt.await.unwrap()), Some(200));
            }
        }
        assert_eq!(endpoint.seen.borrow().len(), 24);
        assert_eq!(endpoint.connections.get(), 8);
    })
    .unwrap();
}

#[test]
fn a_connection_that_was_closed_while_idle_costs_no_attempt() {
    tasks::run(async {
        let closed = Rc::new(Cell::new(0));
        let closing = closed.clone();
        let endpoint = Endpoint::new(move |mut wire| {
            let closing = closing.clone();
            async move {
                wire.request().await;
                wire.write(OK).await;
                drop(wire);
                closing.set(closing.get() + 1);
            }
        });
        let client = client();
        let target = target(&client, &endpoint.url());
        for sent in 1..=5 {
            assert_eq!(status(&send(&client, &target).await), Some(200), "attempt {sent}");
            // The end of the connection has been sent; a pause of the runtime lets it be read.
            while closed.get() < sent {
                tasks::sleep(Duration::from_millis(1)).await;
            }
            tasks::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(endpoint.seen.borrow().len(), 5);
    })
    .unwrap();
}

#[test]
fn a_request_that_may_have_arrived_is_not_sent_again_by_the_same_attempt() {
    tasks::run(async {
        let endpoint = Endpoint::new(|mut wire| async move {
            wire.request().await;
            wire.write(OK).await;
            wire.request().await;
            wire.reset();
        });
        let client = client();
        let target = target(&client, &endpoint.url());
        assert_eq!(status(&send(&client, &target).await), Some(200));
        let second = send(&client, &target).await;
        assert!(matches!(cause(&second), Cause::Connection(_)), "{second:?}");
        assert_eq!(endpoint.seen.borrow().len(), 2);
        assert_eq!(status(&send(&client, &target).await), Some(200));
    })
    .unwrap();
}

#[test]
fn an_answer_before_the_request_was_read_does_not_poison_the_pool() {
    tasks::run(async {
        let endpoint = Endpoint::new(|mut wire| async move {
            if wire.number == 0 {
                // Refuses without reading: the client is still writing its large body.
                wire.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await;
                std::future::pending::<()>().await;
            }
            while wire.request().await.is_some() && wire.write(OK).await {}
        });
        let client = client();
        let target = target(&client, &endpoint.url());
        let headers = event::Headers::new();
        let body = bytes::Bytes::from(vec![b'x'; 20 << 20]);
        let letter = delivery::Letter { webhook_id: "evt_1", number: 1, headers: &headers, body };
        let first = client.attempt(&target, letter).await;
        assert_eq!(*cause(&first), Cause::Status(413));
        assert_eq!(status(&send(&client, &target).await), Some(200));
    })
    .unwrap();
}
