use crate::letter;
use event::{DeliveryId, EventId};
use hyper::Method;

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Notice,
    Live,
    Ready,
    Metrics,
    Reload,
    Letters,
    Letter(DeliveryId),
    Redrive(DeliveryId),
    Purge(DeliveryId),
    Explain(EventId),
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Anyone,
    /// Anyone who names the node as people on this machine do; elsewhere like `Anyone`.
    Page,
    /// On a loopback listener like `Page`; elsewhere with the key.
    Local,
    Key,
}

impl Route {
    /// None for paths that we do not know, and for ids that cannot be one. A slash at the end
    /// does not count.
    pub fn of(path: &str) -> Option<Route> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
        let parts: Vec<&str> = path.split('/').collect();
        Some(match parts[..] {
            [""] => Route::Notice,
            ["livez"] => Route::Live,
            ["readyz"] => Route::Ready,
            ["metrics"] => Route::Metrics,
            ["v1", "admin", "reload"] => Route::Reload,
            ["v1", "dead-letter"] => Route::Letters,
            ["v1", "dead-letter", id] => Route::Letter(letter::read(id)?),
            ["v1", "dead-letter", id, "redrive"] => Route::Redrive(letter::read(id)?),
            ["v1", "dead-letter", id, "purge"] => Route::Purge(letter::read(id)?),
            ["v1", "explain", id] => Route::Explain(id.parse().ok()?),
            _ => return None,
        })
    }

    pub fn access(self) -> Access {
        match self {
            Route::Live | Route::Ready => Access::Anyone,
            Route::Notice => Access::Page,
            Route::Metrics => Access::Local,
            _ => Access::Key,
        }
    }

    pub fn allows(self, method: &Method) -> bool {
        match self.is_command() {
            true => method == Method::POST,
            false => method == Method::GET || method == Method::HEAD,
        }
    }

    /// For the header of a 405.
    pub fn methods(self) -> &'static str {
        if self.is_command() { "POST" } else { "GET, HEAD" }
    }

    fn is_command(self) -> bool {
        matches!(self, Route::Reload | Route::Redrive(_) | Route::Purge(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_paths_are_routes() {
        assert_eq!(Route::of("/"), Some(Route::Notice));
        assert_eq!(Route::of("/v1/dead-letter"), Some(Route::Letters));
        assert_eq!(Route::of("/v1/dead-letter/"), Some(Route::Letters));
        for path in [
            "",
            "*",
            "//",
            "/metrics/x",
            "/v1",
            "/v1//dead-letter",
            "/v1/dead-letter//",
            "/v1/dead-letter/1",
            "/v1/explain/",
            "/v1/explain/evt_0",
            "/Metrics",
            "/v1/admin",
        ] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
