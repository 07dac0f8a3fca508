//! Where packages come from: the machine's own apt sources, through a private cache.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cgroup::Cgroup;
use crate::command::{quote, run, spawn_detached, wait_until};
use crate::error::{Error, IoContext, Result};

/// The port the cache listens on, at the bridge address only.
pub(crate) const CACHE_PORT: u16 = 3142;

/// One archive of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    uri: String,
    suite: String,
    component: String,
}

/// What this machine's apt knows: the archives of its release and how to reach them.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    /// The code name of the release.
    pub(crate) release: String,
    sources: Vec<Source>,
    /// The `Acquire` settings of this machine, as apt.conf lines.
    settings: Vec<String>,
}

impl Upstream {
    /// Asks apt what it uses.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let path = "/etc/os-release";
        let release = code_name(&fs::read_to_string(path).at("read", path)?);
        let targets = run(
            "apt-get",
            [
                "--no-release-info",
                "indextargets",
                "--format",
                "$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
                "Created-By: Packages",
            ],
        )?;
        let sources = parse_targets(&targets, &release);
        if !sources.iter().any(|s| s.suite == release) {
            return Err(Error::NoSources { release });
        }
        Ok(Self { settings: acquire_settings(&run("apt-config", ["dump"])?), release, sources })
    }

    /// The sources as this machine reaches them, as sources.list lines.
    pub(crate) fn direct_lines(&self) -> Vec<String> {
        self.lines(str::to_owned)
    }

    /// The sources as a guest writes them. A guest speaks plain HTTP to the cache, which adds
    /// TLS where the archive wants it; apt names its lists without the scheme, so the lists
    /// fetched directly stay valid.
    pub(crate) fn guest_lines(&self) -> Vec<String> {
        self.lines(|uri| match uri.strip_prefix("https://") {
            Some(rest) => format!("http://{rest}"),
            None => uri.to_owned(),
        })
    }

    fn lines(&self, map: impl Fn(&str) -> String) -> Vec<String> {
        self.sources.iter().map(|s| format!("deb {} {} {}", map(&s.uri), s.suite, s.component)).collect()
    }

    /// Every `Acquire` setting of this machine: for apt runs outside of a guest.
    pub(crate) fn settings(&self) -> &[String] {
        &self.settings
    }

    /// The settings that hold inside a guest as well: not the way out of this machine.
    pub(crate) fn guest_settings(&self) -> Vec<String> {
        self.settings.iter().filter(|line| line.starts_with("Acquire::Check-")).cloned().collect()
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(' ')?;
            let value = value.strip_suffix(';')?.trim_matches('"');
            (!value.is_empty() && value != "DIRECT").then_some(value)
        })
    }
}

fn code_name(os_release: &str) -> String {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .unwrap_or_default()
}

/// Keeps the archives of the distribution itself: other vendors use other suites or components.
fn parse_targets(text: &str, release: &str) -> Vec<Source> {
    let ours = |suite: &str| {
        suite.strip_prefix(release).is_some_and(|rest| matches!(rest, "" | "-updates" | "-security"))
    };
    let mut sources: Vec<Source> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('|');
            Some(Source {
                uri: fields.next()?.to_owned(),
                suite: fields.next()?.to_owned(),
                component: fields.next()?.to_owned(),
            })
        })
        .filter(|s| s.component == "main" && ours(&s.suite))
        .collect();
    sources.sort_by(|a, b| (&a.suite, &a.uri).cmp(&(&b.suite, &b.uri)));
    sources.dedup();
    sources
}

fn acquire_settings(dump: &str) -> Vec<String> {
    dump.lines()
        .filter(|line| {
            line.strip_prefix("Acquire::").is_some_and(|rest| {
                ["http::", "https::", "Check-", "Retries"].iter().any(|key| rest.starts_with(key))
            })
        })
        .map(str::to_owned)
        .collect()
}

/// The private package cache of one fleet.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Configuration, log and socket.
    dir: PathBuf,
    /// Fetched packages; outlives the fleet.
    store: PathBuf,
    address: Ipv4Addr,
    cgroup: Cgroup,
}

impl Cache {
    pub(crate) fn new(dir: PathBuf, store: PathBuf, address: Ipv4Addr, cgroup: Cgroup) -> Self {
        Self { dir, store, address, cgroup }
    }

    /// Starts the cache and waits until it listens.
    pub(crate) fn start(&self, upstream: &Upstream) -> Result<()> {
        for dir in [&self.dir, &self.store] {
            fs::create_dir_all(dir).at("create", dir)?;
        }
        let config = self.dir.join("acng.conf");
        fs::write(&config, self.config(upstream)).at("write", &config)?;
        self.cgroup.create()?;
        let script = self.dir.join("run.sh");
        let text = format!(
            "#!/bin/sh\nset -eu\n{}exec apt-cacher-ng -c {}\n",
            self.cgroup.enter_script(),
            quote(&self.dir.display().to_string())
        );
        fs::write(&script, text).at("write", &script)?;
        let log = self.dir.join("output.log");
        spawn_detached(&script, &log)?;
        let address = SocketAddr::from((self.address, CACHE_PORT));
        let what = format!("the package cache listening on {address}");
        wait_until(&what, Duration::from_secs(20), Some(&log), || {
            Ok(TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
        })
    }

    fn config(&self, upstream: &Upstream) -> String {
        render_cache_config(&self.dir, &self.store, self.address, upstream)
    }
}

fn render_cache_config(dir: &Path, store: &Path, address: Ipv4Addr, upstream: &Upstream) -> String {
    let dir = dir.display();
    let mut text = format!(
        "# Written by test-hosts.\n\
         CacheDir: {}\n\
         LogDir: {dir}\n\
         SocketPath: {dir}/socket\n\
         PidFile: {dir}/pid\n\
         SupportDir: /usr/lib/apt-cacher-ng\n\
         BindAddress: {address}\n\
         Port: {CACHE_PORT}\n\
         ForeGround: 1\n\
         AllowUserPorts: 0\n\
         ExThreshold: 30\n",
        store.display()
    );
    if let Some(proxy) =
        upstream.setting("Acquire::http::Proxy").or_else(|| upstream.setting("Acquire::https::Proxy"))
    {
        let _ = writeln!(text, "Proxy: {proxy}");
    }
    if let Some(file) = upstream.setting("Acquire::https::CaInfo") {
        let _ = writeln!(text, "CAfile: {file}");
    }
    let mut tls: Vec<&str> = upstream.sources.iter().filter_map(|s| s.uri.strip_prefix("https://")).collect();
    tls.sort_unstable();
    tls.dedup();
    for (number, rest) in tls.into_iter().enumerate() {
        let _ = writeln!(text, "Remap-tls{number}: http://{rest} ; https://{rest}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "\
http://mirror.example/debian/|bookworm|main
http://mirror.example/debian/|bookworm|main
https://mirror.example/debian-security/|bookworm-security|main
http://mirror.example/debian/|bookworm-backports|main
https://vendor.example/linux/|bookworm|stable
https://vendor.example/node/|nodistro|main
";

    fn upstream(settings: &[&str]) -> Upstream {
        Upstream {
            release: "bookworm".into(),
            sources: parse_targets(TARGETS, "bookworm"),
            settings: settings.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    #[test]
    fn keeps_the_archives_of_the_distribution_only() {
        assert_eq!(
            upstream(&[]).direct_lines(),
            [
                "deb http://mirror.example/debian/ bookworm main",
                "deb https://mirror.example/debian-security/ bookworm-security main",
            ]
        );
    }

    #[test]
    fn guests_speak_plain_http_to_the_cache() {
        let upstream = upstream(&[]);
        assert!(upstream.guest_lines().iter().all(|l| l.contains("http://")));
        let config = render_cache_config(
            Path::new("/state"),
            Path::new("/store"),
            Ipv4Addr::new(10, 77, 0, 1),
            &upstream,
        );
        assert!(config.contains("BindAddress: 10.77.0.1\n"));
        assert!(config.contains(
            "Remap-tls0: http://mirror.example/debian-security/ ; https://mirror.example/debian-security/\n"
        ));
        assert!(!config.contains("Proxy:"));
    }

    #[test]
    fn the_way_out_of_this_machine_stays_outside_of_the_guests() {
        let dump = "\
Acquire::Check-Date \"false\";
Acquire::http::Proxy \"http://proxy.example:3128\";
Acquire::https::CaInfo \"/etc/ssl/own.pem\";
Acquire::cdrom::mount \"/media/cdrom/\";
";
        let settings = acquire_settings(dump);
        assert_eq!(settings.len(), 3);
        let upstream = upstream(&settings.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(upstream.guest_settings(), ["Acquire::Check-Date \"false\";"]);
        let config =
            render_cache_config(Path::new("/state"), Path::new("/store"), Ipv4Addr::LOCALHOST, &upstream);
        assert!(config.contains("Proxy: http://proxy.example:3128\n"));
        assert!(config.contains("CAfile: /etc/ssl/own.pem\n"));
    }

    #[test]
    fn reads_the_code_name() {
        assert_eq!(code_name("ID=debian\nVERSION_CODENAME=bookworm\n"), "bookworm");
        assert_eq!(code_name("ID=debian\n"), "");
    }
}
