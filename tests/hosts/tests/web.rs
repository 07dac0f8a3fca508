//! A web server on one host, asked by another.
#![cfg(feature = "real-hosts")]

mod common;

use std::time::{Duration, Instant};

use common::{Outcome, says, tied};
use engine_test_hosts::{Fleet, Guest, Host, Web};

#[test]
fn a_host_serves_files_and_repositories_to_those_who_trust_it() -> Outcome {
    let mut options = tied("hk-web", 213, &["web-1", "web-2", "web-3", "app-1"]);
    options.guests.insert("web-2".into(), Guest::Sysvinit);
    options.guests.insert("web-3".into(), Guest::Dnf);
    let fleet = Fleet::up(&options)?;
    let app = fleet.host("app-1")?;
    says(app, "root", "apt-get install -y -q=2 --no-install-recommends curl git 2>&1")?;
    let web = fleet.host("web-1")?.serve_https("/srv/www")?;
    files(fleet.host("web-1")?, &web, app)?;
    repositories(fleet.host("web-1")?, &web, app)?;
    for name in ["web-2", "web-3"] {
        let host = fleet.host(name)?;
        let web = host.serve_https("/srv/www")?;
        host.make_git_repositories("/srv/www")?;
        host.reboot()?;
        app.trust(&web)?;
        // The server may come up after sshd.
        let wait = "curl -sS --retry 20 --retry-connrefused --retry-delay 1";
        says(app, "operator", &format!("{wait} {}", web.url("")))?;
        let tag = says(app, "operator", &format!("git ls-remote --exit-code {} v1.0", web.url("app.git")))?;
        assert!(tag.ends_with("refs/tags/v1.0"), "{tag}");
    }
    fleet.down()?;
    Ok(())
}

fn files(host: &Host, web: &Web, app: &Host) -> Outcome {
    says(host, "root", "mkdir -p /srv/www/private; echo hello | tee /srv/www/file > /srv/www/private/file")?;
    let url = web.url("file");
    assert!(says(app, "root", &format!("curl -sS {url}")).is_err(), "nobody trusts it yet");
    app.trust(web)?;
    let status = |more: &str, path: &str| {
        let url = web.url(path);
        says(app, "operator", &format!("curl -sS -o /dev/null -w '%{{http_code}}' {more} {url}"))
    };
    assert_eq!(says(app, "operator", &format!("curl -sSf {url}"))?, "hello");
    assert_eq!(says(app, "operator", &format!("curl -sSf {}", web.plain_url("file")))?, "hello");
    host.trust(web)?;
    says(app, "root", &format!("curl -sS -o /tmp/file --etag-save /tmp/etag {url}"))?;
    assert_eq!(status("--etag-compare /tmp/etag", "file")?, "304");
    says(host, "root", "echo changed > /srv/www/file; touch /srv/www/broken.500")?;
    assert_eq!(status("--etag-compare /tmp/etag", "file")?, "200");
    assert_eq!(status("", "missing")?, "404");
    assert_eq!(status("", "broken")?, "500");
    says(host, "root", "mv /srv/www/broken.500 /srv/www/broken")?;
    assert_eq!(status("", "broken")?, "200");
    assert_eq!(status("", "moved/file")?, "302");
    assert_eq!(status("-L", "moved/file")?, "200");
    assert_eq!(status("", "private/file")?, "401");
    assert_eq!(status("-H 'Authorization: Bearer probe'", "private/file")?, "200");
    let end = Instant::now() + Duration::from_secs(5);
    while web.requests()?.last().map(String::as_str) != Some("GET /private/file 200") {
        assert!(Instant::now() < end, "{:?}", web.requests()?);
    }
    assert!(web.requests()?.contains(&"GET /file 304".to_owned()));
    // By its name as well, from within.
    says(host, "root", "apt-get.distrib install -y -q=2 curl 2>&1 || apt-get install -y -q=2 curl 2>&1")?;
    assert_eq!(
        says(host, "root", "curl -sSf https://localhost/file https://$(hostname)/file")?,
        "changed\nchanged"
    );
    Ok(())
}

fn repositories(host: &Host, web: &Web, app: &Host) -> Outcome {
    host.make_git_repositories("/srv/www")?;
    let first = says(host, "root", "git -C /srv/www/app.git rev-parse main")?;
    host.make_git_repositories("/srv/www")?;
    assert_eq!(says(host, "root", "git -C /srv/www/app.git rev-parse main")?, first);
    let url = web.url("app.git");
    let clone = |host: &Host, login: &str, options: &str, url: &str| {
        let log = "git -C /tmp/app log --format=%s";
        says(
            host,
            login,
            &format!("rm -rf /tmp/app; git clone -q {options} {url} /tmp/app; cat /tmp/app/version; {log}"),
        )
    };
    assert_eq!(clone(app, "operator", "", &url)?, "1.1\n1.1\n1.0");
    assert_eq!(clone(app, "operator", "--depth 1 --branch next", &url)?, "2.0\n2.0");
    assert_eq!(clone(app, "operator", "--branch v1.0", &url)?, "1.0\n1.0");
    clone(app, "operator", "--branch modules --recurse-submodules", &url)?;
    assert_eq!(says(app, "operator", "cat /tmp/app/library/file")?, "library");
    // Over `file://`, git serves none but the owner.
    assert_eq!(clone(host, "root", "--depth 1", "file:///srv/www/app.git")?, "1.1\n1.1");
    Ok(())
}
