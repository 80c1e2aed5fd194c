use super::*;

/// Whether the bytes pass unspoilt, read in pieces of `size`; and that the pieces do not matter.
fn passes(text: &str) -> bool {
    let mut verdicts = Vec::new();
    for size in [1, 2, 3, 7, usize::MAX] {
        let mut bytes = text.as_bytes().to_vec();
        let mut framing = Framing::default();
        bytes.chunks_mut(size.min(text.len())).for_each(|piece| framing.inspect(piece));
        verdicts.push(framing.at != At::Spoilt);
        assert_eq!(framing.at != At::Spoilt, bytes == text.as_bytes(), "{text}");
    }
    verdicts.dedup();
    assert_eq!(verdicts.len(), 1, "{text}");
    verdicts[0]
}

#[test]
fn plain_requests_pass_one_after_the_other() {
    let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\na\nb\r\n";
    let chunked = "POST / HTTP/1.1\r\nTRANSFER-encoding:  Chunked \r\n\r\n\
        5\r\na\nb\r\n\r\n0a\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\n";
    for text in [get, post, chunked] {
        assert!(passes(text));
    }
    assert!(passes(&[post, "\r\n", chunked, get, chunked, post].concat()));
}

#[test]
fn what_two_servers_may_read_differently_is_spoilt() {
    let headers = [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
        "content-length: 3\r\ncontent-length: 3\r\n",
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: 3, 3\r\n",
        "content-length: +3\r\n",
        "content-length: -3\r\n",
        "content-length: 0x3\r\n",
        "content-length: 3 \x0b\r\n",
        "content-length:\r\n",
        "content-length: 99999999999999999999999\r\n",
        "content-length : 3\r\n",
        "content-length\t: 3\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "x: 1\r\n transfer-encoding: chunked\r\n",
        "x: 1\r\n\tfolded\r\n",
        "x: 1\n",
        "x: 1\ntransfer-encoding: chunked\r\n",
        ": 1\r\n",
        "no colon\r\n",
    ];
    for text in headers {
        assert!(!passes(&format!("POST / HTTP/1.1\r\nhost: a\r\n{text}\r\nabc")), "{text:?}");
    }
    assert!(!passes("GET / HTTP/1.1\n\n"));
    assert!(!passes("GET / HTTP/1.1\r\nhost: a\r\n\n"));
}

#[test]
fn chunks_are_read_by_the_letter() {
    let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    let bodies = [
        "3;x=y\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nabc\r\n",
        "0\r\n\n",
    ];
    for body in bodies {
        assert!(!passes(&format!("{head}{body}")), "{body:?}");
    }
}
