use crate::nobody::nobody;
use crate::run::{ADMIN_KEY, Ended, Folder, SECRET};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A server under test. Its log lines are read as they come, so it never waits for a reader.
pub struct Serving {
    child: Child,
    lines: mpsc::Receiver<String>,
    pub url: String,
}

impl Serving {
    pub fn start(folder: &Folder) -> Serving {
        Serving::start_at(folder, "127.0.0.1:0")
    }

    pub fn start_at(folder: &Folder, addr: &str) -> Serving {
        let mut command = folder.command(&["serve", "--dev", "--listen", addr]);
        command.env("FOREBAY_SERVER__ADMIN_KEY_ENV", "ADMIN_KEY");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stderr.take().unwrap());
        let mut serving = Serving { child, lines, url: String::new() };
        let line = serving.wait_for("\"message\":\"listening\"");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        serving.url = format!("http://{}", line["addr"].as_str().unwrap());
        serving
    }

    #[track_caller]
    pub fn wait_for(&self, part: &str) -> String {
        let mut seen = String::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(300)) {
            if line.contains(part) {
                return line;
            }
            seen = seen + &line + "\n";
        }
        panic!("no {part:?} in\n{seen}");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Without a chance to do anything more.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn reload(&self) {
        self.signal("-HUP");
        self.wait_for("\"message\":\"the configuration was read again\"");
    }

    pub fn stop(mut self) -> i32 {
        self.signal("-TERM");
        self.child.wait().unwrap().code().expect("it ended by itself")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // After a failed assertion; it has ended already otherwise.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Takes requests, answers each with 200, and hands on their heads and bodies.
pub fn receiver() -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || {
                while let Some(request) = receive(&stream) {
                    drop(sender.send(request));
                }
            });
        }
    });
    (url, received)
}

fn receive(mut stream: &TcpStream) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.trim().parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

fn config(url: &str) -> String {
    format!(
        "[[source]]\nname = \"github\"\nscheme = \"github\"\nsecret_env = \"SECRET\"\n\
         [[endpoint]]\nname = \"ci\"\nurl = \"{url}\"\nsecret_env = \"SECRET\"\n"
    )
}

fn send(folder: &Folder, url: &str, more: &[&str]) -> Ended {
    let send = ["send", "--url", url, "--key", ADMIN_KEY, "--type", "order.paid"];
    folder.run(&[&send[..], more].concat())
}

#[test]
fn an_event_that_is_sent_arrives_signed() {
    let (hooks, received) = receiver();
    let folder = Folder::with(&config(&hooks));
    let serving = Serving::start(&folder);
    let sent = send(&folder, &serving.url, &["--data", "{\"total\":  1}", "--id", "order-7"]);
    assert_eq!(sent.code, 0, "{}", sent.err);
    let id = sent.out.trim().to_owned();
    assert!(id.starts_with("evt_"), "{id}");
    let (head, body) = received.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(body, "{\"total\":  1}", "byte for byte");
    assert!(head.contains(&format!("webhook-id: {id}")), "{head}");
    let secret = ["--secret", SECRET, "--body", &body];
    let verify = [&["verify", "--scheme", "standard-webhooks"][..], &secret].concat();
    let headers: Vec<&str> = head.lines().filter(|line| line.starts_with("webhook-")).collect();
    let headers = headers.join("\n");
    let received_at = headers.lines().find_map(|l| l.strip_prefix("webhook-timestamp: ")).unwrap();
    let verify = [&verify[..], &["-H", &headers, "--at", received_at]].concat();
    folder.run(&verify).expect(0, "valid\n");

    let again = send(&folder, &serving.url, &["--data", "{\"total\":  1}", "--id", "order-7"]);
    assert_eq!(again.out.trim(), id, "the same id is the same event");
    again.says("it was there already");
    let as_json = send(&folder, &serving.url, &["--data", "[]", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&as_json.out).unwrap();
    assert!(answer["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!(serving.stop(), 0);
}

#[test]
fn samples_pass_verification_at_their_source() {
    let (hooks, received) = receiver();
    let folder = Folder::with(&config(&hooks));
    let serving = Serving::start(&folder);
    let sent = folder.run(&["trigger", "github.push", "--url", &serving.url]);
    assert_eq!(sent.code, 0, "{}", sent.err);
    let (_, body) = received.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(body.contains("refs/heads/main"));
    let unsigned = ["trigger", "github.push", "--url", &serving.url, "--secret", "another secret"];
    folder.run(&unsigned).expect(1, "").says("401");
    folder.run(&["trigger", "stripe.charge.succeeded"]).expect(2, "").says("no source of scheme");
    folder.run(&["trigger", "github.pusch"]).expect(2, "").says("no sample");
    assert!(folder.run(&["trigger", "--list"]).out.contains("shopify.orders.create"));
    assert_eq!(serving.stop(), 0);
}

#[test]
fn what_cannot_be_sent_is_told() {
    let folder = Folder::with(&config("http://127.0.0.1:9000/"));
    let serving = Serving::start(&folder);
    let send = ["send", "--url", &serving.url, "--type", "a", "--data", "1"];
    folder.run(&send).expect(2, "").says("give the server's key");
    let wrong = folder.run(&[&send[..], &["--key", "wrong"]].concat()).expect(1, "");
    wrong.says("401 the server does not accept the key that it was given");
    let binary = ["--key", ADMIN_KEY, "--data", "not json"];
    let plain = [&send[..5], &binary].concat();
    folder.run(&plain).expect(2, "").says("needs an --id");
    let sent = folder.run(&[&plain[..], &["--id", "b-1", "--content-type", "text/plain"]].concat());
    assert_eq!(sent.code, 0, "{}", sent.err);
    let lost = ["send", "--url", nobody(), "--key", "k", "--type", "a", "--data", "1"];
    folder.run(&lost).expect(6, "").says("cannot reach");
    let odd = ["send", "--url", "ftp://x", "--key", "k", "--type", "a", "--data", "1"];
    folder.run(&odd).expect(2, "");
    assert_eq!(serving.stop(), 0);
}

#[test]
fn a_reload_is_all_or_nothing() {
    let (hooks, received) = receiver();
    let folder = Folder::with("");
    let serving = Serving::start(&folder);
    let trigger = ["trigger", "github.push", "--url", &serving.url, "--secret", SECRET];
    folder.run(&trigger).expect(1, "").says("401");
    folder.write("forebay.toml", &config(&hooks));
    serving.signal("-HUP");
    serving.wait_for("the configuration was read again");
    assert_eq!(folder.run(&trigger).code, 0);
    received.recv_timeout(Duration::from_secs(60)).unwrap();

    // One error, far from the source that it leaves out, and nothing changes.
    folder.write("forebay.toml", "[delivery]\njiter = 0.1\n");
    serving.signal("-HUP");
    let told = serving.wait_for("the old one stays in force");
    assert!(told.contains("did you mean `jitter`?"), "{told}");
    assert_eq!(folder.run(&trigger).code, 0);

    let waits = format!("[server]\ndrain = \"5s\"\n{}", config(&hooks));
    folder.write("forebay.toml", &waits);
    serving.signal("-HUP");
    let told = serving.wait_for("these count from the next start");
    assert!(told.contains("server.drain"), "{told}");
    assert_eq!(serving.stop(), 0);
}

#[test]
fn how_a_start_fails_is_told_by_the_exit_code() {
    let folder = Folder::with("[log]\ndurability = \"none\"\n");
    folder.run(&["serve"]).expect(2, "").says("one of fsync, os");
    let folder = Folder::with("");
    let serving = Serving::start(&folder);
    folder.run(&["serve", "--listen", "127.0.0.1:0"]).expect(4, "");
    let addr = serving.url.strip_prefix("http://").unwrap();
    folder.run(&["serve", "--data", "other", "--listen", addr]).expect(2, "").says(addr);
    assert_eq!(serving.stop(), 0);
}

#[test]
fn the_doctor_says_whether_a_server_is_ready() {
    let folder = Folder::with("");
    let serving = Serving::start(&folder);
    let url = serving.url.clone();
    folder.run(&["doctor", "--ready", "--url", &url]).expect(0, "ready\n");
    let told = folder.run(&["doctor", "--ready", "--url", &url, "--json"]);
    told.expect(0, "{\"ready\":true,\"reason\":null}\n");
    assert_eq!(serving.stop(), 0);
    let gone = folder.run(&["doctor", "--ready", "--url", &url]);
    gone.expect(1, "").says("not ready: ");
    let told = folder.run(&["doctor", "--ready", "--url", &url, "--json", "--timeout", "1"]);
    assert!(told.code == 1 && told.out.starts_with("{\"ready\":false,"), "{}", told.out);
    folder.run(&["doctor"]).expect(2, "").says("--ready");
    folder.run(&["doctor", "--ready", "--salvage", "x"]).expect(2, "");
}

/// A server that is not ready for a while, and then is.
#[test]
fn the_doctor_waits_for_a_server_that_is_starting() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let starting = r#"{"detail":"the node is starting"}"#;
        for (status, body) in [(503, starting), (503, starting), (503, starting), (200, "{}")] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let count = std::io::Read::read(&mut stream, &mut head).unwrap();
            assert!(head[..count].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
        }
    });
    let folder = Folder::with("");
    let at_once = folder.run(&["doctor", "--ready", "--url", &url]);
    at_once.expect(1, "").says("not ready: the node is starting");
    folder.run(&["doctor", "--ready", "--url", &url, "--timeout", "300"]).expect(0, "ready\n");
    answering.join().unwrap();
}

#[test]
fn the_doctor_waits_no_longer_than_it_is_told_to_for_a_server_that_hangs() {
    // Connections are made, and nobody reads what comes by them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = Folder::with("");
    let ask = ["doctor", "--ready", "--url", &url];
    let bounds: [&[&str]; 2] = [&[], &["--timeout", "1"]];
    for more in bounds {
        let begun = std::time::Instant::now();
        let told = folder.run(&[&ask[..], more].concat());
        told.expect(1, "").says("has not answered within");
        assert!(begun.elapsed() < Duration::from_secs(20), "{more:?}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_directory_that_does_not_open_gives_its_events_to_the_doctor() {
    let folder = Folder::with("");
    let serving = Serving::start(&folder);
    let sent = send(&folder, &serving.url, &["--data", "{\"order\":7}"]);
    assert_eq!(sent.code, 0, "{}", sent.err);
    assert_eq!(serving.stop(), 0);
    std::fs::remove_file(folder.path().join("forebay-data/HEAD")).unwrap();

    let doctor = folder.run(&["doctor", "--salvage", "events.ndjson", "--json"]);
    assert_eq!(doctor.code, 0, "{}", doctor.err);
    let found: serde_json::Value = serde_json::from_str(&doctor.out).unwrap();
    assert_eq!((&found["events"], &found["missing"]), (&1.into(), &0.into()));
    let text = std::fs::read_to_string(folder.path().join("events.ndjson")).unwrap();
    let event: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(event["type"], "order.paid");
    assert_eq!(event["data_base64"], "eyJvcmRlciI6N30=");

    let again = folder.run(&["doctor", "--salvage", "events.ndjson"]);
    assert_eq!(again.code, 2, "what is there is not written over");
}
