use crate::endpoint::{
    Endpoint, OK, StubNet, cause, client, client_on, impatient, manual_clock, send, status, target,
};
use event::Cause;
use runtime::tasks;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

fn ips(text: &str) -> io::Result<Vec<IpAddr>> {
    Ok(text.split_whitespace().map(|ip| ip.parse().unwrap()).collect())
}

/// One attempt at `http://name.example/`, whose addresses are `answer`.
async fn attempt_with(answer: io::Result<Vec<IpAddr>>) -> (delivery::Answer, Rc<StubNet>) {
    let endpoint = Endpoint::answering(OK);
    let net = StubNet { leads_to: Some(endpoint.at), ..StubNet::default() };
    net.answers.borrow_mut().push_back(answer);
    let net = Rc::new(net);
    let client = client_on(net.clone(), manual_clock());
    let answer = send(&client, &target(&client, "http://name.example/")).await;
    (answer, net)
}

#[test]
fn what_was_vetted_is_what_is_dialled() {
    tasks::run(async {
        let (answer, net) = attempt_with(ips("93.184.216.34 2606:4700::1")).await;
        assert_eq!(status(&answer), Some(200));
        assert_eq!(*net.dialled.borrow(), ["93.184.216.34:80".parse().unwrap()]);
    })
    .unwrap();
}

#[test]
fn one_bad_address_refuses_the_name_before_any_packet() {
    let names = [
        "127.0.0.1",
        "93.184.216.34 10.0.0.1",
        "93.184.216.34 fd00::1",
        "2606:4700::1 ::ffff:192.168.1.1",
        "169.254.169.254",
        "::1 93.184.216.34",
        "64:ff9b::7f00:1",
        "0.0.0.0",
    ];
    tasks::run(async {
        for name in names {
            let (answer, net) = attempt_with(ips(name)).await;
            assert!(matches!(cause(&answer), Cause::Refused(_)), "{name}: {answer:?}");
            assert!(net.dialled.borrow().is_empty());
        }
        let mut many = vec!["93.184.216.34".parse().unwrap(); 4095];
        many.push("10.0.0.1".parse().unwrap());
        let (answer, _) = attempt_with(Ok(many)).await;
        assert!(matches!(cause(&answer), Cause::Refused(_)), "the last of 4096 counts, too");
    })
    .unwrap();
}

#[test]
fn a_name_that_turns_inwards_is_refused_at_its_next_dial() {
    tasks::run(async {
        // Closes after each answer, so that each attempt dials.
        let endpoint = Endpoint::new(|mut wire| async move {
            wire.request().await;
            wire.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        });
        let net = Rc::new(StubNet { leads_to: Some(endpoint.at), ..StubNet::default() });
        let answers = [ips("93.184.216.34"), ips("127.0.0.1"), ips("93.184.216.34")];
        net.answers.borrow_mut().extend(answers);
        let clock = manual_clock();
        let client = client_on(net.clone(), clock.clone());
        let target = target(&client, "http://rebind.example/");

        assert_eq!(status(&send(&client, &target).await), Some(200));
        assert_eq!(status(&send(&client, &target).await), Some(200));
        assert_eq!(net.asked.get(), 1, "a name is not asked for at each attempt");
        clock.advance(Duration::from_secs(5));
        assert!(matches!(cause(&send(&client, &target).await), Cause::Refused(_)));
        assert_eq!(net.dialled.borrow().len(), 2, "not even a packet went inside");
        clock.advance(Duration::from_secs(5));
        assert_eq!(status(&send(&client, &target).await), Some(200));
        assert!(net.dialled.borrow().iter().all(|to| to.to_string() == "93.184.216.34:80"));
    })
    .unwrap();
}

#[test]
fn a_name_without_an_answer_is_a_failure_of_its_own() {
    tasks::run(async {
        let (answer, _) = attempt_with(Err(io::Error::other("NXDOMAIN"))).await;
        assert_eq!(*cause(&answer), Cause::Dns("NXDOMAIN".into()));
        let (answer, _) = attempt_with(ips("")).await;
        assert!(matches!(cause(&answer), Cause::Dns(_)));

        let client = client_on(Rc::default(), manual_clock());
        let answer = send(&client, &target(&client, "http://slow.example/")).await;
        assert_eq!(*cause(&answer), Cause::Dns("no answer in time".into()));
    })
    .unwrap();
}

#[test]
fn an_address_that_swallows_packets_leaves_time_for_the_next() {
    tasks::run(async {
        let net = Rc::new(StubNet::default());
        net.answers.borrow_mut().push_back(ips("93.184.216.34 93.184.216.35"));
        let client = client_on(net.clone(), manual_clock());
        let answer = send(&client, &target(&client, "http://name.example/")).await;
        assert_eq!(*cause(&answer), Cause::Timeout);
        assert_eq!(net.dialled.borrow().len(), 2);
    })
    .unwrap();
}

#[test]
fn localhost_is_this_machine_without_asking() {
    tasks::run(async {
        let net = Rc::new(StubNet::default());
        let strict = client_on(net.clone(), manual_clock());
        for name in ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.localhost."] {
            let answer = send(&strict, &target(&strict, &format!("http://{name}/"))).await;
            assert!(matches!(cause(&answer), Cause::Refused(_)), "{name}");
        }
        assert_eq!((net.asked.get(), net.dialled.borrow().len()), (0, 0));

        let endpoint = Endpoint::answering(OK);
        let client = client();
        let url = format!("http://localhost:{}/", endpoint.at.port());
        assert_eq!(status(&send(&client, &target(&client, &url)).await), Some(200));
    })
    .unwrap();
}

#[test]
fn a_literal_inside_is_refused_and_says_how_to_allow_it() {
    tasks::run(async {
        let net = Rc::new(StubNet::default());
        let client = client_on(net.clone(), manual_clock());
        let answer = send(&client, &impatient(&client, "http://127.0.0.1:3000/")).await;
        let Cause::Refused(refusal) = cause(&answer) else { panic!("{answer:?}") };
        assert_eq!(&*refusal.allow, r#"[delivery] allow_networks = ["127.0.0.0/8"]"#);
        assert!(net.dialled.borrow().is_empty());
    })
    .unwrap();
}
