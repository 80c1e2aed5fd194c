use super::table::text;
use super::within::OfApp;
use super::{One, below, exchange, with_parameters};
use hyper::Method;
use serde_json::Value;

impl One<OfApp> {
    /// Says on stderr what of its filters keeps this endpoint from its events. A look that comes
    /// to nothing is no failure: what was asked for is done by then.
    pub(super) fn tell_of_pause(&self, endpoint: &Value) {
        let is_told = self.warn_of_circuits(endpoint);
        if endpoint["paused"] == "filter" && !is_told {
            eprintln!(
                "it is paused: a filter failed and its policy is to stop, or its circuit was \
                 open, or it cannot be run; `forebay filter logs` has what it said"
            );
        }
    }

    /// The same of filters that failed too often, before whose next event it is paused again
    /// however often it is enabled. Gives whether there are any.
    pub(super) fn warn_of_circuits(&self, endpoint: &Value) -> bool {
        if endpoint["disabled"] == true && endpoint["paused"] != "filter" {
            return false;
        }
        let entries = endpoint["filters"].as_array().into_iter().flatten();
        // A version that is pinned has a circuit of its own, of which no answer tells.
        let names = entries.filter_map(Value::as_str).filter(|entry| !entry.contains('@'));
        let mut is_told = false;
        for name in names {
            if let Some(until) = self.open_until(name) {
                eprintln!(
                    "warning: the circuit of its filter `{name}` is open until {until}: enabled \
                     before that, it is paused again before its next event; a new version of the \
                     filter lets it go on"
                );
                is_told = true;
            }
        }
        is_told
    }

    /// Until when a filter is not asked, if it is not.
    fn open_until(&self, filter: &str) -> Option<String> {
        let path = self.within.in_query(&(below("/v1/filter", filter).ok()? + "/log"));
        let path = with_parameters(&path, "limit=1");
        let page = exchange(&self.server, Method::GET, &path, None).ok()?.json();
        let until = &page["circuitOpenUntil"];
        until.is_string().then(|| text(until))
    }
}
