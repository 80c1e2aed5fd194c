use crate::bench::BenchArguments;
use anyhow::{Context, anyhow};
use forebay::Plan;
use forebay::config::{Config, Flags, Inputs};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// For posts of many events, which producers alone may make.
pub const KEY: &str = "bench-0123456789abcdef0123456789abcdef";

/// The configuration as a user would write it, in a directory that goes when this does.
pub struct Setup {
    folder: TempDir,
    head: String,
    /// What each endpoint says beside its name and its URL.
    chain: String,
    /// More endpoints, whose filters let nothing pass.
    neighbours: usize,
    endpoints: usize,
}

impl Setup {
    pub fn new(args: &BenchArguments) -> anyhow::Result<Setup> {
        let folder = match &args.data {
            Some(parent) => TempDir::with_prefix_in("forebay-bench-", parent),
            None => TempDir::with_prefix("forebay-bench-"),
        };
        let folder = folder.context("cannot make a directory for the log")?;
        let mut head = format!(
            "[server]\nadmin_key_env = \"BENCH_KEY\"\n[log]\ndurability = {:?}\n\
             [ingest]\nmax_body = \"25MiB\"\n\
             [[source]]\nname = \"bench\"\nscheme = \"none\"\ntype = \"header:x-type\"\n",
            args.durability
        );
        let mut chain = String::new();
        if let Some(module) = &args.filter {
            let module = absolute(module)?;
            write!(head, "[[filter]]\nname = \"bench\"\nmodule = {:?}\n", module.display())?;
            chain.push_str("filters = [\"bench\"]\n");
        }
        for (n, module) in args.beside.iter().enumerate() {
            let module = absolute(module)?;
            write!(
                head,
                "[[filter]]\nname = \"beside-{n}\"\nmodule = {:?}\non_error = \"drop\"\n",
                module.display()
            )?;
        }
        if let Some(max) = args.concurrency {
            writeln!(chain, "concurrency = {{ start = {}, max = {max} }}", max.min(8))?;
        }
        if let Some(condition) = &args.condition {
            writeln!(chain, "where = {condition:?}")?;
        }
        let (endpoints, neighbours) = (args.endpoints, args.beside.len());
        Ok(Setup { folder, head, chain, neighbours, endpoints })
    }

    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    pub fn plan(&self, sink: SocketAddr) -> anyhow::Result<Plan> {
        let mut text = self.head.clone();
        for n in 0..self.endpoints {
            write!(
                text,
                "[[endpoint]]\nname = \"bench-{n}\"\nurl = \"http://{sink}/{n}\"\n\
                 secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n{}",
                self.chain
            )?;
        }
        for n in 0..self.neighbours {
            write!(
                text,
                "[[endpoint]]\nname = \"beside-{n}\"\nurl = \"http://{sink}/beside\"\n\
                 secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\nfilters = [\"beside-{n}\"]\n"
            )?;
        }
        let file = self.folder.path().join("forebay.toml");
        std::fs::write(&file, text)?;
        let data = self.folder.path().join("data").display().to_string();
        let inputs = Inputs {
            file: Some(file),
            environment: BTreeMap::from([("BENCH_KEY".to_owned(), KEY.to_owned())]),
            flags: Flags { data: Some(data), listen: Some("127.0.0.1:0".into()), dev: true },
        };
        let config = Config::load(&inputs).map_err(|wrong| anyhow!("{wrong}"))?;
        // Modules are compiled in place: they are the user's own, and this binary need not be ours.
        Ok(config.plan()?)
    }
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("no such module: {}", path.display()))
}

/// Runs `work` on this thread, and what it spawns beside it.
pub fn block_on<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let local = builder.enable_all().build_local(tokio::runtime::LocalOptions::default())?;
    Ok(local.block_on(work))
}
