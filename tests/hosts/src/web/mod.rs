//! A web server on a host, and who trusts it.

mod git;

use std::fs;
use std::path::Path;

use crate::error::{IoContext, Result};
use crate::guest::Guest;
use crate::machine::Host;

/// Where its certificates are.
const DIRECTORY: &str = "/var/lib/test-hosts/web";

const SERVER: &str = include_str!("nginx.conf");
const CERTIFICATES: &str = include_str!("openssl.cnf");

/// A web server on a host: nginx, which serves one directory over HTTPS and HTTP.
///
/// - Files have an `ETag` and a date, and requests may be conditional. What is missing is a 404.
/// - While there is a file `<file>.500` beside a file, the file is answered with status 500; so
///   with 403 and 503. It need not exist itself.
/// - `/moved/<path>` redirects to `/<path>`.
/// - What is below `/private/` wants the header `Authorization: Bearer probe`; else it is a 401.
/// - Bare git repositories, `<name>.git`, are served by git's own program: clones may be shallow.
///
/// Its certificate is good for the host's name and address and for `localhost`, and signed by an
/// authority of the host's own. A host trusts that only after [`Host::trust`].
#[derive(Debug, Clone)]
pub struct Web {
    host: Host,
}

impl Web {
    /// The URL of a path that begins without `/`.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}/{path}", self.host.address())
    }

    /// The same without TLS.
    pub fn plain_url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.host.address())
    }

    /// What was asked for since the server came up, as `GET /path 200`. A line comes a moment
    /// after its answer.
    pub fn requests(&self) -> Result<Vec<String>> {
        let log = self.host.check_exec(["cat", "/var/log/nginx/requests.log"])?;
        Ok(log.lines().map(str::to_owned).collect())
    }
}

impl Host {
    /// Serves a directory of this host, which is made if it is missing. Installs what that takes
    /// from Debian: 8 s.
    pub fn serve_https(&self, directory: &str) -> Result<Web> {
        self.install_debian(&["nginx-light", "git", "fcgiwrap", "spawn-fcgi"])?;
        self.check_exec(["mkdir", "-p", directory, DIRECTORY])?;
        let name = CERTIFICATES.replace("@NAME@", &self.name);
        self.put(
            &format!("{DIRECTORY}/openssl.cnf"),
            &name.replace("@ADDRESS@", &self.address().to_string()),
        )?;
        let request = |subject: &str, section: &str, out: &str, more: &[&str]| {
            let script = format!(
                "cd {DIRECTORY} && exec openssl req -x509 -config openssl.cnf -days 365 -nodes \
                 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj '/CN={subject}' \
                 -extensions {section} -keyout {out}.key -out {out}.pem \"$@\""
            );
            self.check_exec(["sh", "-c", &script, "sh"].iter().chain(more)).map(drop)
        };
        request(&format!("{} authority", self.name), "authority", "ca", &[])?;
        request(&self.name, "server", "server", &["-CA", "ca.pem", "-CAkey", "ca.key"])?;
        self.check_exec(["rm", "-f", "/etc/nginx/sites-enabled/default", "/var/log/nginx/requests.log"])?;
        self.put("/etc/nginx/conf.d/test-hosts.conf", &SERVER.replace("@DIRECTORY@", directory))?;
        self.check_exec(["nginx", "-q", "-t"])?;
        self.check_exec(["service", "nginx", "restart"])?;
        Ok(Web { host: self.clone() })
    }

    /// Makes this host trust the authority behind a server, by its store in `/etc/ssl/certs`.
    pub fn trust(&self, web: &Web) -> Result<()> {
        let authority = web.host.check_exec(["cat", &format!("{DIRECTORY}/ca.pem")])?;
        self.put(&format!("/usr/local/share/ca-certificates/{}.crt", web.host.name), &authority)?;
        self.check_exec(["update-ca-certificates"]).map(drop)
    }

    /// Installs packages of Debian, whatever package manager the host has for others.
    fn install_debian(&self, packages: &[&str]) -> Result<()> {
        let apt = if self.guest() == Guest::Dnf { "apt-get.distrib" } else { "apt-get" };
        let words = [apt, "--quiet=2", "--yes", "--no-install-recommends", "install"];
        self.check_exec(words.iter().chain(packages)).map(drop)
    }

    /// Writes a file of the host, past its processes.
    fn put(&self, path: &str, text: &str) -> Result<()> {
        let path = self.root().join(Path::new(path).strip_prefix("/").unwrap_or(Path::new(path)));
        fs::write(&path, text).at("write", path)
    }
}
