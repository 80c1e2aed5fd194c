use crate::digest_of;
use filter::ModuleLimits;
use registry::ModuleDigest;

/// A filter that comes with the engine. Where a filter's module or an endpoint's filter is named,
/// `forebay/` and its name are enough.
#[derive(Debug)]
pub struct Shipped {
    /// Such as `forebay/redact`.
    pub name: &'static str,
    pub wasm: &'static [u8],
    /// JSON: its name, what it is `about`, and the JSON Schema of its `config`.
    pub manifest: &'static str,
}

/// Filters that come with the engine are named so.
pub(crate) const PREFIX: &str = "forebay/";

/// What runs scripts in JavaScript.
pub static JAVASCRIPT_RUNNER: &[u8] = include_bytes!("../../../../sdk/javascript/runner.wasm");
/// What runs scripts in Python.
pub static PYTHON_RUNNER: &[u8] = include_bytes!("../../../../sdk/python/runner.wasm");

static ALL: &[Shipped] = &[
    Shipped {
        name: "forebay/chat-message",
        wasm: include_bytes!("../../../../filters/chat-message/chat-message.wasm"),
        manifest: include_str!("../../../../filters/chat-message/manifest.json"),
    },
    Shipped {
        name: "forebay/cloudevents",
        wasm: include_bytes!("../../../../filters/cloudevents/cloudevents.wasm"),
        manifest: include_str!("../../../../filters/cloudevents/manifest.json"),
    },
    Shipped {
        name: "forebay/fields",
        wasm: include_bytes!("../../../../filters/fields/fields.wasm"),
        manifest: include_str!("../../../../filters/fields/manifest.json"),
    },
    Shipped {
        name: "forebay/github-push-to-slack",
        wasm: include_bytes!("../../../../filters/github-push-to-slack/github-push-to-slack.wasm"),
        manifest: include_str!("../../../../filters/github-push-to-slack/manifest.json"),
    },
    Shipped {
        name: "forebay/javascript",
        wasm: JAVASCRIPT_RUNNER,
        manifest: include_str!("../../../../sdk/javascript/manifest.json"),
    },
    Shipped {
        name: "forebay/pushes-to-main",
        wasm: include_bytes!("../../../../filters/pushes-to-main/pushes-to-main.wasm"),
        manifest: include_str!("../../../../filters/pushes-to-main/manifest.json"),
    },
    Shipped {
        name: "forebay/python",
        wasm: PYTHON_RUNNER,
        manifest: include_str!("../../../../sdk/python/manifest.json"),
    },
    Shipped {
        name: "forebay/redact",
        wasm: include_bytes!("../../../../filters/redact/redact.wasm"),
        manifest: include_str!("../../../../filters/redact/manifest.json"),
    },
    Shipped {
        name: "forebay/route",
        wasm: include_bytes!("../../../../filters/route/route.wasm"),
        manifest: include_str!("../../../../filters/route/manifest.json"),
    },
    Shipped {
        name: "forebay/sample",
        wasm: include_bytes!("../../../../filters/sample/sample.wasm"),
        manifest: include_str!("../../../../filters/sample/manifest.json"),
    },
    Shipped {
        name: "forebay/sanitise",
        wasm: include_bytes!("../../../../filters/sanitise/sanitise.wasm"),
        manifest: include_str!("../../../../filters/sanitise/manifest.json"),
    },
    Shipped {
        name: "forebay/template",
        wasm: include_bytes!("../../../../filters/template/template.wasm"),
        manifest: include_str!("../../../../filters/template/manifest.json"),
    },
    Shipped {
        name: "forebay/xml-to-json",
        wasm: include_bytes!("../../../../filters/xml-to-json/xml-to-json.wasm"),
        manifest: include_str!("../../../../filters/xml-to-json/manifest.json"),
    },
];

impl Shipped {
    /// By name.
    pub fn all() -> &'static [Shipped] {
        ALL
    }

    /// By its whole name.
    pub fn find(name: &str) -> Option<&'static Shipped> {
        ALL.iter().find(|shipped| shipped.name == name)
    }

    pub fn digest(&self) -> ModuleDigest {
        digest_of(self.wasm)
    }

    /// Keys without which its configuration is refused; of those that stand for one another the
    /// first.
    pub fn needs(&self) -> Vec<String> {
        let manifest: serde_json::Value = serde_json::from_str(self.manifest).unwrap_or_default();
        let config = &manifest["config"];
        let required = [&config["required"], &config["anyOf"][0]["required"]];
        let needs =
            required.into_iter().find_map(|keys| keys.as_array().cloned()).unwrap_or_default();
        needs.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect()
    }
}

/// What a module may weigh on a node that allows `node`. What comes with the engine is a class of
/// its own: it is never too large, for it was weighed when it was built.
pub(crate) fn may_weigh(wasm: &[u8], node: &ModuleLimits) -> ModuleLimits {
    let module_bytes = if is_shipped(wasm) { wasm.len() } else { 0 };
    ModuleLimits { module_bytes: node.module_bytes.max(module_bytes), ..node.clone() }
}

pub(crate) fn is_shipped(wasm: &[u8]) -> bool {
    ALL.iter().any(|shipped| shipped.wasm == wasm)
}

/// What to say of a name that begins with `forebay/` and that nothing has: why, and what to do.
pub(crate) fn unknown(name: &str) -> (String, String) {
    let names = || ALL.iter().map(|shipped| shipped.name);
    let all = names().collect::<Vec<_>>().join(", ");
    let advice = match condition::nearest(name, names()) {
        Some(near) => format!("did you mean \"{near}\"? There are {all}"),
        None => format!("there are {all}"),
    };
    (format!("no filter {name:?} comes with this version"), advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipped_module_is_never_too_large() {
        let node = ModuleLimits { module_bytes: 100, ..ModuleLimits::default() };
        let mut wasm = Shipped::find("forebay/python").unwrap().wasm.to_vec();
        let allowed = ModuleLimits { module_bytes: wasm.len(), ..node.clone() };
        assert_eq!(may_weigh(&wasm, &node), allowed);
        wasm[8] ^= 1;
        assert_eq!(may_weigh(&wasm, &node), node, "one byte is another");
    }
}
