use hyper::header::HOST;
use hyper::http::request::Parts;
use std::net::IpAddr;

/// Whether a request was made to a name that is this machine's own, or one of `hosts`.
///
/// A page from elsewhere can point its own name at 127.0.0.1 and then read what answers there as
/// if it were its own; the name in the request gives it away.
pub(crate) fn is_ours(head: &Parts, hosts: &[String]) -> bool {
    let mut headers = head.headers.get_all(HOST).iter();
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return false;
    }
    let named = first.map(|host| host.to_str().unwrap_or_default());
    // A target with an authority counts before the header, but both have to be ours.
    let target = head.uri.authority().map(|authority| authority.as_str());
    let mut names = target.into_iter().chain(named).peekable();
    names.peek().is_some() && names.all(|name| is_own_name(name, hosts))
}

fn is_own_name(authority: &str, hosts: &[String]) -> bool {
    let host = without_port(authority);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return address.is_loopback() || hosts.iter().any(|known| known == bare);
    }
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    // No public name ends so, and browsers resolve such names to this machine themselves.
    let is_local = host == "localhost" || host.ends_with(".localhost");
    is_local || hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn ours(uri: &str, headers: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in headers {
            request = request.header(HOST, *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        is_ours(&head, &["hooks.example.com".into(), "10.0.0.7".into()])
    }

    #[test]
    fn names_of_this_machine_are_ours() {
        for host in [
            "localhost",
            "localhost:8080",
            "LOCALHOST.",
            "forebay.localhost:1",
            "127.0.0.1:8080",
            "127.8.9.1",
            "[::1]:8080",
            "[::1]",
            "Hooks.Example.com:443",
            "10.0.0.7:80",
        ] {
            assert!(ours("/", &[host]), "{host}");
        }
    }

    #[test]
    fn names_of_others_are_not() {
        for host in [
            "",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "evil.hooks.example.com",
            "10.0.0.8",
            "0.0.0.0:8080",
            "localhost@evil.example",
            "evil.example#localhost",
        ] {
            assert!(!ours("/", &[host]), "{host}");
        }
        assert!(!ours("/", &[]), "no name at all");
        assert!(!ours("/", &["localhost", "localhost"]), "two names");
        assert!(!ours("http://evil.example/", &["localhost"]), "two that differ");
        assert!(ours("http://localhost/", &["localhost"]));
    }
}
