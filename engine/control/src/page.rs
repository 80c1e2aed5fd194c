use crate::Build;
use bytes::Bytes;

/// Nothing is loaded, nothing is run, nothing may frame it.
pub(crate) const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a person who opens the address in a browser reads.
pub(crate) fn notice(build: &Build) -> Bytes {
    let (version, durability) = (escape(&build.version), escape(&build.durability));
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Forebay</title>\n\
         <h1>Forebay {version}</h1>\n\
         <p>This node takes events in, keeps them in its log ({durability}), screens them with \
         filters and delivers them.</p>\n\
         <ul>\n<li><a href=\"/readyz\">/readyz</a>: is it ready?</li>\n\
         <li><a href=\"/livez\">/livez</a>: is it alive?</li>\n\
         <li><a href=\"/metrics\">/metrics</a>: numbers, as OpenMetrics text</li>\n\
         <li><code>/v1/…</code>: the management API, with the admin key as \
         <code>Authorization: Bearer</code></li>\n</ul>\n</html>\n"
    );
    page.into()
}

/// A text as it may stand between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_tag() {
        let build = Build {
            version: "<script>alert(1)</script>".into(),
            revision: String::new(),
            durability: "\"'&".into(),
        };
        let page = String::from_utf8(notice(&build).to_vec()).unwrap();
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script")
        );
        assert!(page.contains("(&quot;&#39;&amp;)"));
    }
}
