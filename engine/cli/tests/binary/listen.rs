use crate::resources::{Going, Place};
use crate::run::{ADMIN_KEY, SECRET};
use crate::serve::receiver;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// So that an event that was sent before is among those that come.
const ALL: &str = "--since 2001-01-01T00:00:00Z";

#[test]
fn request_and_answer_are_shown_whole() {
    let place = Place::new();
    let (hooks, received) = receiver();
    place.out("send --type order.paid --data {\"b\":1.50,\"a\":[]}");
    let listen = format!("listen --forward {hooks}?x=1 --verbose {ALL}");
    let listening = Going::start(&place.folder, &place.serving.url, &listen);
    let mut lines = Vec::new();
    while !lines.iter().any(|line: &String| line.starts_with("  < content-length: 0")) {
        lines.push(listening.next());
    }
    received.recv_timeout(Duration::from_secs(60)).unwrap();
    let at = |start: &str| {
        let found = lines.iter().position(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start:?} in {lines:?}"))
    };
    let order = [
        "200  ",
        "  > POST /hooks?x=1",
        "  > webhook-id: evt_",
        "  > content-type: application/json",
        "  > {",
        "  >   \"b\": 1.50,",
        "  >   \"a\": []",
        "  > }",
        "  < 200",
    ]
    .map(at);
    assert!(order.is_sorted(), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("  > webhook-signature: v1,")), "{lines:?}");

    let listen = format!("listen --forward {hooks} -v --json --secret {SECRET} {ALL}");
    let listening = Going::start(&place.folder, &place.serving.url, &listen);
    let told: Value = serde_json::from_str(&listening.next()).unwrap();
    assert_eq!(told["request"]["path"], "/hooks");
    assert_eq!(told["request"]["body"], "{\"b\":1.50,\"a\":[]}");
    assert_eq!(told["answerHeaders"], json!([["content-length", "0"]]));
    assert_eq!(place.serving.stop(), 0);
}

/// On a terminal of its own: `script` of util-linux makes one, and hands on what it reads.
struct OnTerminal(Child);

impl OnTerminal {
    fn start(place: &Place, line: &str) -> OnTerminal {
        let command = format!("{} {line}", env!("CARGO_BIN_EXE_forebay"));
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
        script.current_dir(place.folder.path()).env_clear().env("TERM", "dumb");
        script.env("FOREBAY_URL", &place.serving.url).env("FOREBAY_KEY", ADMIN_KEY);
        script.stdin(Stdio::piped()).stdout(Stdio::piped());
        OnTerminal(script.spawn().expect("`script` of util-linux is installed"))
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // With the terminal goes what runs on it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn enter_sends_the_last_one_again() {
    let place = Place::new();
    let (hooks, received) = receiver();
    for n in [1, 2] {
        place.out(&format!("send --type order.paid --data {n}"));
    }
    let listen = format!("listen --forward {hooks} --secret {SECRET} {ALL}");
    let mut terminal = OnTerminal::start(&place, &listen);
    let mut lines = BufReader::new(terminal.0.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("order.paid")));
        line.expect("it goes on").unwrap()
    };
    let receive = || {
        let (head, body) = received.recv_timeout(Duration::from_secs(60)).unwrap();
        let id = head.lines().find(|line| line.starts_with("webhook-id: ")).unwrap().to_owned();
        (id, body)
    };
    let (first, last) = (receive(), receive());
    assert_eq!((&*first.1, &*last.1), ("1", "2"));
    // Its line comes when it has been answered, so that it is the last one from then on.
    for _ in 0..2 {
        next();
    }
    let mut keys = terminal.0.stdin.take().unwrap();
    keys.write_all(b"\n").unwrap();
    assert_eq!(receive(), last, "the last one, under its id");
    assert!(next().contains("200  "));
}
