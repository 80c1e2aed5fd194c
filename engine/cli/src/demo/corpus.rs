use crate::demo::payload::{Payload, Provider};
use anyhow::{Context, bail};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs;
use std::path::{Path, PathBuf};

/// The payloads of a corpus, in the order of their names, so that each run is alike.
///
/// Either a folder `<provider>/<event type>/*.json`, or a package in the form of
/// `@octokit/webhooks-examples`: its `index.json`, or a folder above one.
pub fn read(path: &Path) -> anyhow::Result<Vec<Payload>> {
    let payloads = if path.is_file() {
        package(path)?
    } else if Provider::ALL.iter().any(|provider| path.join(provider.name()).is_dir()) {
        folder(path)?
    } else {
        let indexes = indexes(path)?;
        let found: anyhow::Result<Vec<_>> = indexes.iter().map(|index| package(index)).collect();
        found?.concat()
    };
    if payloads.is_empty() {
        bail!(
            "{} holds no payloads: a folder <provider>/<event type>/*.json is needed, with \
             providers such as github, or an index.json as in @octokit/webhooks-examples",
            path.display()
        );
    }
    Ok(payloads)
}

fn folder(root: &Path) -> anyhow::Result<Vec<Payload>> {
    let mut payloads = Vec::new();
    for provider in Provider::ALL {
        let of_provider = root.join(provider.name());
        if !of_provider.is_dir() {
            continue;
        }
        for of_type in entries(&of_provider)?.iter().filter(|path| path.is_dir()) {
            let name = of_type.file_name().unwrap_or_default().to_string_lossy();
            for file in entries(of_type)?.iter().filter(|path| is_json(path)) {
                let body = fs::read(file).with_context(|| file.display().to_string())?;
                payloads.push(Payload::new(provider, &name, body.into(), true));
            }
        }
    }
    Ok(payloads)
}

/// An event of GitHub and examples of it; what else the file says of it is of no use here.
#[derive(Deserialize)]
struct Listed<'a> {
    name: String,
    #[serde(borrow)]
    examples: Vec<&'a RawValue>,
}

fn package(index: &Path) -> anyhow::Result<Vec<Payload>> {
    let text = fs::read_to_string(index).with_context(|| index.display().to_string())?;
    let listed: Vec<Listed> =
        serde_json::from_str(&text).with_context(|| index.display().to_string())?;
    let mut payloads = Vec::new();
    for event in listed {
        for example in event.examples {
            // The bytes as they stand in the file, indentation and all.
            let body = Bytes::copy_from_slice(example.get().as_bytes());
            payloads.push(Payload::new(Provider::GitHub, &event.name, body, true));
        }
    }
    Ok(payloads)
}

/// Every `index.json` of a package that has one a folder, those of `api.github.com` alone where
/// there are several: the others are the same events of older servers.
fn indexes(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder)? {
            if entry.is_dir() && !entry.ends_with("node_modules") {
                folders.push(entry);
            } else if entry.ends_with("index.json") {
                found.push(entry);
            }
        }
    }
    found.sort();
    let is_main = |path: &PathBuf| path.parent().is_some_and(|p| p.ends_with("api.github.com"));
    if found.iter().any(is_main) {
        found.retain(is_main);
    }
    Ok(found)
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = Vec::new();
    for entry in read {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_gives_the_bytes_of_its_examples() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("payload-examples/api.github.com");
        fs::create_dir_all(&folder).unwrap();
        let text = r#"[{"name":"push","description":"","actions":[],"properties":{},
            "examples":[{ "ref" : "refs/heads/main" },{"a":1.50}]},
            {"name":"issues","actions":["opened"],"examples":[{"action":"opened","é":"\u00e9"}]}]"#;
        fs::write(folder.join("index.json"), text).unwrap();
        let found = read(dir.path()).unwrap();
        let shown: Vec<_> = found.iter().map(|p| (&*p.event_type, &p.body[..])).collect();
        let expected: [(&str, &[u8]); 3] = [
            ("push", br#"{ "ref" : "refs/heads/main" }"#),
            ("push", br#"{"a":1.50}"#),
            ("issues.opened", "{\"action\":\"opened\",\"é\":\"\\u00e9\"}".as_bytes()),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn nothing_to_send_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().contains("no payloads"));
        assert!(read(&dir.path().join("none")).is_err());
    }
}
