/// Names that belong to the connection or to us, so that neither event nor endpoint sets them.
const RESERVED: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
const RESERVED_PREFIXES: &[&str] = &["webhook-", "svix-", "forebay-", "proxy-", ":"];

/// Whether no event and no endpoint may set a header of a delivery; `name` in lower case.
pub fn is_reserved_header(name: &str) -> bool {
    RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
