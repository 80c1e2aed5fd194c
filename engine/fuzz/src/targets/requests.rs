use event::{Arrival, EventId, Offset, TenantId, Time, limits};
use ingest::doors::Conversation;
use ingest::{
    Accept, Answer, Content, KeyFrom, Limits, LiveSecret, NoProducer, Producer, Source, SourceTable,
};
use signature::{Scheme, Secret, TypeFrom};
use std::cell::RefCell;
use std::rc::Rc;

pub const WORDS: &[&str] = &[
    "POST /v1/events HTTP/1.1\r\n",
    "POST /in/open HTTP/1.1\r\n",
    "POST /in/github HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "host: x\r\n",
    "content-length: ",
    "content-length: 0\r\n\r\n",
    "transfer-encoding: chunked\r\n",
    "authorization: Bearer let-me-in\r\n",
    "content-type: application/x-ndjson\r\n",
    "content-type: application/cloudevents+json\r\n",
    "content-encoding: gzip\r\n",
    "expect: 100-continue\r\n",
    "connection: close\r\n",
    "connection: upgrade\r\n",
    "idempotency-key: 1\r\n",
    "ce-specversion: 1.0\r\n",
    "{\"type\":\"a\",\"data\":1}\n",
    "\r\n",
    "\r\n\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    ";a=b",
    " HTTP/2.0",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

const SECRET: &[u8] = b"key-a";
const BODY_BYTES_MAX: usize = 1 << 10;

/// What one connection brings, from its first byte to its end, at once and byte by byte. How it
/// is cut must not matter.
pub fn requests(bytes: &[u8]) {
    let whole = converse(&[bytes]);
    whole.arrivals.iter().for_each(is_sound);
    let halves = bytes.split_at(bytes.len() / 2);
    let cut = converse(&[halves.0, halves.1]);
    assert_eq!(cut.arrivals.len(), whole.arrivals.len(), "cut in two it is another request");
    for (one, other) in whole.arrivals.iter().zip(&cut.arrivals) {
        assert_eq!((&one.envelope, &one.body), (&other.envelope, &other.body));
    }
    // What cannot be read is refused by an answer, or by hanging up on it. Which of its faults is
    // seen first, too many headers or one that is none, is a matter of the cut.
    let answered = |heard: &Heard| {
        let mut statuses = heard.statuses.clone();
        statuses.pop_if(|last| matches!(*last, 400 | 431));
        statuses
    };
    assert_eq!(answered(&cut), answered(&whole), "cut in two it is answered otherwise");
}

struct Heard {
    arrivals: Vec<Arrival>,
    statuses: Vec<u16>,
}

fn converse(pieces: &[&[u8]]) -> Heard {
    let offered = Rc::new(RefCell::new(Vec::new()));
    let conversation = Conversation {
        accept: Stand(offered.clone()),
        sources: SourceTable::new(vec![source("open", "none"), source("github", "github")])
            .unwrap(),
        producers: Box::new(|key, _, app| {
            let producer =
                Producer { tenant: TenantId::new("acme"), source: "api".into(), types: None };
            match (key, app) {
                ("let-me-in", None | Some("acme")) => Ok(producer),
                ("let-me-in", Some(_)) => Err(NoProducer::App),
                _ => Err(NoProducer::Key),
            }
        }),
        limits: Limits { body_bytes_max: BODY_BYTES_MAX, ..Limits::default() },
        now: Time::from_secs(1_700_000_000),
    };
    let answered = conversation.hold(pieces);
    let arrivals = offered.take();
    Heard { arrivals, statuses: statuses(&answered) }
}

/// Of each answer in what the server wrote. It writes nothing else at the start of a line.
fn statuses(answered: &[u8]) -> Vec<u16> {
    let text = String::from_utf8(answered.to_vec()).expect("answers are text");
    assert!(text.is_empty() || text.starts_with("HTTP/1."), "no answer: {text}");
    let lines = text.split("\r\n").filter(|line| line.starts_with("HTTP/1."));
    lines.map(|line| line[9..12].parse().expect("a status")).collect()
}

/// What no way in may let through.
fn is_sound(arrival: &Arrival) {
    let envelope = &arrival.envelope;
    assert!(arrival.body.len() <= BODY_BYTES_MAX, "a larger body than may be");
    assert!((1..=limits::EVENT_TYPE_BYTES_MAX).contains(&envelope.event_type.len()));
    assert!(!envelope.event_type.contains(char::is_control));
    let key = envelope.key.as_deref();
    assert!(key.is_none_or(|key| (1..=limits::KEY_BYTES_MAX).contains(&key.len())));
    assert!(envelope.headers.len() <= limits::HEADERS_MAX + 1, "{}", envelope.headers.len());
    for (name, value) in envelope.headers.iter() {
        let is_kept = matches!(name, "content-type" | "traceparent" | "x-shop");
        assert!(is_kept || name.starts_with("ce-"), "{name} is kept");
        assert!(!value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "{name} ends a header");
    }
    assert_ne!(&*envelope.source, "github", "nobody can sign here");
}

/// Takes everything in.
struct Stand(Rc<RefCell<Vec<Arrival>>>);

impl Accept for Stand {
    fn offer(&self, arrival: Arrival) -> impl Future<Output = Answer> + 'static {
        let mut arrivals = self.0.borrow_mut();
        let id = EventId::new(1, Offset(arrivals.len() as u64));
        arrivals.push(arrival);
        std::future::ready(Answer::Accepted { id, is_duplicate: false, is_conflict: false })
    }
}

fn source(name: &str, scheme: &str) -> Source {
    let scheme = Scheme::preset(scheme).unwrap();
    let secret = Secret::from_bytes(SECRET).unwrap();
    Source {
        secrets: vec![LiveSecret { secret, until: Time::NEVER }],
        event_type: scheme.is_open().then(|| TypeFrom::parse("path:type")),
        key: Some(KeyFrom::Path("key".into())),
        headers: vec!["x-shop".into()],
        content: Content::Json,
        body_bytes_max: BODY_BYTES_MAX,
        ..Source::new(name, TenantId::new("acme"), &format!("/in/{name}"), scheme)
    }
}
