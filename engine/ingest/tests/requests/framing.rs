use crate::host::{Host, run, source};

const SECOND: &str = "POST /in/none?second HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";

#[test]
fn what_could_be_two_requests_is_none() {
    let heads = [
        "content-length: 44\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 44\r\n",
        "content-length: 0\r\ncontent-length: 44\r\n",
        "content-length: 44\r\ncontent-length: 44\r\n",
        "content-length: 0, 44\r\n",
        "content-length: +4\r\n",
        "content-length: -1\r\n",
        "content-length: 0x4\r\n",
        "content-length: 4 4\r\n",
        "content-length: 18446744073709551616\r\n",
        "content-length:\r\n",
        "content-length : 4\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: \x0bchunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding\r\n : chunked\r\n",
        "x: y\r\n transfer-encoding: chunked\r\n",
        "x: y\ntransfer-encoding: chunked\r\n",
        "x: y\rtransfer-encoding: chunked\r\n",
        "x: \0\r\n",
        "x\0: y\r\n",
        ": y\r\n",
        "no colon\r\n",
        "transfer-encoding: chunked\r\nhost: other\r\n",
    ];
    run(async move {
        let host = Host::new(vec![source("none")]);
        for head in heads {
            let request =
                format!("POST /in/none HTTP/1.1\r\nhost: x\r\n{head}\r\n0\r\n\r\n{SECOND}");
            refused_once(&host, &request).await;
        }
        for line in [
            "POST /in/none HTTP/1.1\n",
            "POST  /in/none HTTP/1.1\r\n",
            "POST /in/none HTTP/1.1 \r\n",
            "POST /in/none\r\n",
            "POST /in/none HTTP/9.9\r\n",
            "P\0ST /in/none HTTP/1.1\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n",
            " POST /in/none HTTP/1.1\r\n",
        ] {
            refused_once(&host, &format!("{line}host: x\r\ncontent-length: 0\r\n\r\n")).await;
        }
        for body in [
            "5;ext=1\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhelloX\r\n0\r\n\r\n",
            "zz\r\nhello\r\n0\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
        ] {
            let head = "POST /in/none HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
            refused_once(&host, &format!("{head}{body}{SECOND}")).await;
        }
        assert!(host.stand.arrivals().is_empty());
    });
}

/// At most one answer, which is a refusal, and then the end.
async fn refused_once(host: &Host, request: &str) {
    let mut client = host.connect().await;
    client.write(request.as_bytes()).await;
    if let Some(answered) = client.answer().await {
        let words = request.escape_debug().to_string();
        assert_eq!(answered.status, 400, "{words}");
        assert!(client.is_closed().await, "{words}");
    }
    assert!(host.stand.arrivals().is_empty(), "{}", request.escape_debug());
}

#[test]
fn a_host_is_asked_for_once() {
    run(async {
        let host = Host::new(vec![source("none")]);
        for (version, hosts, status) in [
            ("1.1", "", 400),
            ("1.1", "host: a\r\nhost: b\r\n", 400),
            ("1.1", "host: a\r\n", 202),
            ("1.0", "", 202),
        ] {
            let request =
                format!("POST /in/none HTTP/{version}\r\n{hosts}content-length: 0\r\n\r\n");
            assert_eq!(host.send(request).await.status, status, "{version} {hosts}");
        }
    });
}

#[test]
fn chunks_and_lengths_mean_the_same_body() {
    run(async {
        let host = Host::new(vec![source("none")]);
        let chunked = "POST /in/none HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
            3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n";
        let mut client = host.connect().await;
        client.write([chunked, SECOND, chunked].concat().as_bytes()).await;
        for _ in 0..3 {
            assert_eq!(client.answer().await.unwrap().status, 202);
        }
        let bodies: Vec<_> = host.stand.arrivals().into_iter().map(|a| a.body).collect();
        assert_eq!(bodies, ["abc0123456789", "", "abc0123456789"]);
    });
}
