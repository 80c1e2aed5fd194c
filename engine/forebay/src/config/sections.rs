use crate::config::load::Reach;
use crate::config::problem::Shows;
use crate::config::secrets;
use crate::config::section::Section;
use crate::config::value::{Bytes, Count};
use crate::config::{
    Delivery, Durability, Guests, Ingest, Log, LogFormat, Observe, Server, Unread,
};
use event::limits::BODY_BYTES_MAX;
use pipeline::writer::Retention;
use registry::{Concurrency, FilterLimits, Secret, Terms};
use signature::Family;
use std::net::SocketAddr;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A shorter admin key could be guessed.
const ADMIN_KEY_BYTES_MIN: usize = 16;

pub(crate) fn server(top: &mut Section<'_, '_>, reach: &Reach) -> Server {
    let mut section = top.section("server");
    let listen = section.value("listen", SocketAddr::from(([127, 0, 0, 1], 8080)));
    let admin_key = admin_key(&mut section, reach);
    let server = Server {
        listen,
        admin_key,
        public_url: public_url(&mut section),
        require_https_out: require_https(&mut section),
        drain: section.value("drain", Duration::from_secs(20)),
    };
    let instead = "put a proxy that speaks TLS in front";
    section.not_yet("tls", &[], instead);
    section.not_yet("acme", &[""], instead);
    section.not_yet("admin_listen", &[""], "take it out: the API is at `listen`");
    section.not_yet("trusted_proxies", &[], "take it out: no forwarded header is believed");
    refuse_open_door(&mut section, &server);
    section.finish();
    server
}

/// Whoever reaches the listener may otherwise try keys against one that nobody chose.
fn refuse_open_door(section: &mut Section<'_, '_>, server: &Server) {
    let address = server.listen;
    let is_named = ["admin_key_file", "admin_key_env"]
        .iter()
        .any(|key| section.node(key).is_some_and(|n| n.value.text() != Some("")));
    if !address.ip().is_loopback() && !is_named {
        let message = format!("`listen` is {address}, which is not loopback, without an admin key");
        let advice = "set `admin_key_file` or `admin_key_env` under [server], or listen on \
                      127.0.0.1";
        section.refuse("listen", message, advice);
    }
}

fn admin_key(section: &mut Section<'_, '_>, reach: &Reach) -> Option<Secret> {
    let mut key = None;
    for (name, is_file) in [("admin_key_file", true), ("admin_key_env", false)] {
        let Some(text) = section.text(name) else { continue };
        let place = section.place(name);
        let found = match is_file {
            true => secrets::from_file(section, reach, &text, &place),
            false => secrets::from_environment(section, reach, &text, &place),
        };
        let Some((found, place)) = found else { continue };
        if found.expose().len() < ADMIN_KEY_BYTES_MIN || !found.expose().is_ascii() {
            let message = "the admin key is too weak".to_owned();
            let advice = format!("use at least {ADMIN_KEY_BYTES_MIN} characters of ASCII");
            section.notes.refuse(place, Shows::Line, message, Some(advice));
        } else if key.is_some() {
            let message = "`admin_key_file` and `admin_key_env` cannot stand together".to_owned();
            section.refuse(name, message, "keep one");
        }
        key = Some(found);
    }
    key
}

fn public_url(section: &mut Section<'_, '_>) -> String {
    let Some(text) = section.text("public_url") else { return String::new() };
    let is_url = ["http://", "https://"].iter().any(|scheme| {
        let host = text.strip_prefix(scheme);
        host.is_some_and(|host| !host.is_empty() && !host.contains(['?', '#', ' ']))
    });
    if !is_url {
        let message = format!("`public_url` must be a URL, not {text:?}");
        section.refuse("public_url", message, "write it as senders see it: https://in.example.com");
    }
    text.trim_end_matches('/').to_owned()
}

fn require_https(section: &mut Section<'_, '_>) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Ways {
        None,
        Out,
        In,
    }
    let choices = [("none", Ways::None), ("out", Ways::Out), ("in", Ways::In), ("both", Ways::In)];
    let ways = section.choice_or_first("require_https", &choices);
    if ways == Ways::In {
        let message = "`require_https` for requests that come in is not in this version yet";
        let advice = "use \"out\", and put a proxy that speaks TLS alone in front";
        section.refuse("require_https", message.into(), advice);
    }
    ways == Ways::Out
}

pub(crate) fn log(top: &mut Section<'_, '_>) -> Log {
    let mut section = top.section("log");
    let durability = section
        .choice_or_first("durability", &[("fsync", Durability::Fsync), ("os", Durability::Os)]);
    section.not_yet("backend", &["embedded"], "take it out: the log is embedded");
    let mut group = section.section("group");
    let group_bytes_max = group.value("bytes", Bytes(1 << 20)).0;
    let group_events_max = group.value("events", Count(2048)).0;
    for (key, number) in [("bytes", group_bytes_max), ("events", group_events_max)] {
        if number == 0 {
            group.refuse(key, format!("`{key}` must be more than 0"), "a group holds something");
        }
    }
    group.finish();
    let mut kept = section.section("retention");
    let retention = Retention {
        age: kept.value("age", 14 * DAY),
        bytes: kept.value("bytes", Bytes(20 << 30)).0,
        unread: kept
            .choice_or_first("unread", &[("expire", Unread::Expire), ("refuse", Unread::Refuse)]),
    };
    kept.finish();
    section.finish();
    Log { durability, group_bytes_max, group_events_max, retention }
}

pub(crate) fn ingest(top: &mut Section<'_, '_>) -> Ingest {
    let mut section = top.section("ingest");
    let body_bytes_max = body_bytes(&mut section, "max_body").unwrap_or(1 << 20);
    let header_timeout = section.value("header_timeout", Duration::from_secs(10));
    let body_timeout = section.value("body_timeout", Duration::from_secs(30));
    let mut window = section.section("idempotency");
    let duplicate_window = window.value("window", 24 * HOUR);
    let duplicates_max = window.value("keys_max", Count(10_000_000)).0;
    window.finish();
    section.finish();
    Ingest { body_bytes_max, header_timeout, body_timeout, duplicate_window, duplicates_max }
}

pub(crate) fn body_bytes(section: &mut Section<'_, '_>, key: &'static str) -> Option<u64> {
    let bytes = section.optional::<Bytes>(key)?.0;
    if bytes == 0 || bytes > BODY_BYTES_MAX as u64 {
        section.refuse(key, format!("`{key}` must be from 1 byte to 25MiB"), "");
    }
    Some(bytes)
}

pub(crate) fn delivery(top: &mut Section<'_, '_>) -> Delivery {
    let mut section = top.section("delivery");
    let terms = terms(&mut section, &Terms::default());
    let families = [("standard", Family::Standard), ("svix", Family::Svix), ("both", Family::Both)];
    let delivery = Delivery {
        terms,
        allow_networks: section.list("allow_networks", Vec::new()),
        family: section.choice_or_first("headers", &families),
    };
    section.finish();
    delivery
}

/// How an endpoint is served, where it says so itself; `ordering` is the caller's.
pub(crate) fn terms(section: &mut Section<'_, '_>, default: &Terms) -> Terms {
    let timeout = section.value("timeout", default.timeout);
    let schedule = section.list("schedule", default.schedule.clone());
    let jitter = section.value("jitter", default.jitter);
    let disable_after = section.value("disable_after", default.disable_after);
    if timeout < Duration::from_millis(1) {
        section.refuse("timeout", "`timeout` must be at least 1ms".into(), "");
    }
    let mut limits = section.section("concurrency");
    let start = limits.value("start", Count(default.concurrency.start.into())).0;
    let max = limits.value("max", Count(default.concurrency.max.into())).0;
    let concurrency = match (u32::try_from(start), u32::try_from(max)) {
        (Ok(start), Ok(max)) if 0 < start && start <= max => Concurrency { start, max },
        _ => {
            let message = format!("`concurrency` starts at {start} with a max of {max}");
            limits.refuse("start", message, "1 <= start <= max");
            default.concurrency
        }
    };
    limits.finish();
    let rate = section.optional::<Count>("rate").map(|count| count.0);
    let rate = match rate.map(u32::try_from) {
        None => default.rate,
        Some(Ok(rate @ 1..)) => Some(rate),
        Some(_) => {
            section.refuse("rate", "`rate` must be at least 1 a second".into(), "");
            default.rate
        }
    };
    Terms {
        ordering: default.ordering,
        schedule,
        jitter,
        timeout,
        concurrency,
        rate,
        disable_after,
    }
}

pub(crate) fn filters(top: &mut Section<'_, '_>) -> Guests {
    let mut section = top.section("filters");
    let guests = Guests {
        limits: guest_limits(&mut section, FilterLimits::default()),
        module_bytes_max: section.value("module_bytes", Bytes(8 << 20)).0,
    };
    section.finish();
    guests
}

pub(crate) fn guest_limits(section: &mut Section<'_, '_>, default: FilterLimits) -> FilterLimits {
    let fuel = section.value("fuel", Count(default.fuel)).0;
    let memory_bytes = section.value("memory", Bytes(default.memory_bytes)).0;
    const MEMORY_BYTES: std::ops::RangeInclusive<u64> = (64 << 10)..=(1 << 30);
    if !MEMORY_BYTES.contains(&memory_bytes) {
        section.refuse("memory", "`memory` must be from 64KiB to 1GiB".into(), "");
    }
    if fuel == 0 {
        section.refuse("fuel", "`fuel` must be more than 0".into(), "without fuel nothing runs");
    }
    FilterLimits { fuel, memory_bytes }
}

pub(crate) fn observe(top: &mut Section<'_, '_>) -> Observe {
    let mut section = top.section("observe");
    let formats =
        [("auto", LogFormat::Auto), ("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    let observe = Observe {
        log: section.value("log", "info".to_owned()),
        log_format: section.choice_or_first("log_format", &formats),
    };
    section.not_yet("otlp", &[""], "take it out; `/metrics` is there to be read");
    section.finish();
    observe
}
