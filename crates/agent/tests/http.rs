//! Requests to a real server.

mod common;

use std::{
    cell::Cell,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use common::{
    server::{Nobody, Server},
    with_mounts,
};
use engine_agent::network::{
    http::{HttpError, Request, Response, get},
    patience::Patience,
};

fn patience() -> Patience<'static> {
    Patience::new(&|| false, Instant::now() + Duration::from_mins(1))
}

fn ask(url: &str) -> Result<Response, HttpError> {
    get(&Request { url, headers: &[], conditions: &[], follow: true }, patience())
}

fn body(response: &mut Response) -> Result<Vec<u8>, HttpError> {
    let (mut all, mut part) = (Vec::new(), [0; 10_000]);
    loop {
        match response.body.read(&mut part, patience())? {
            0 => return Ok(all),
            count => all.extend(&part[..count]),
        }
    }
}

/// 200 000 bytes that are not all alike.
fn content() -> Vec<u8> {
    (0..200_000u32).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

fn served() -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), content()).unwrap();
    fs::write(directory.path().join("empty"), "").unwrap();
    let server = Server::start(directory.path());
    (directory, server)
}

#[test]
fn however_an_answer_is_measured_all_of_it_is_read() {
    let (_directory, server) = served();
    for how in ["plain", "tagged", "chunked", "unmeasured"] {
        let mut response = ask(&server.url(&format!("{how}/file"))).unwrap();
        assert_eq!(response.status, 200, "{how}");
        assert!(body(&mut response).unwrap() == content(), "{how}");
        let mut empty = ask(&server.url(&format!("{how}/empty"))).unwrap();
        assert_eq!(body(&mut empty).unwrap(), b"", "{how}");
    }
}

#[test]
fn an_answer_that_is_cut_off_is_an_error() {
    let (_directory, server) = served();
    for path in ["truncated/file", "truncated/empty", "chunked/file?cut", "chunked/empty?cut"] {
        let error = body(&mut ask(&server.url(path)).unwrap()).map(|bytes| bytes.len()).unwrap_err();
        assert!(matches!(error, HttpError::Truncated { .. }), "{path}: {error}");
    }
}

#[test]
fn what_is_no_http_is_an_error() {
    let (_directory, server) = served();
    let error = ask(&server.url("garbage/file")).err().unwrap();
    assert!(matches!(error, HttpError::Protocol { .. }), "{error}");
}

#[test]
fn statuses_are_the_callers_business() {
    let (_directory, server) = served();
    for status in [404, 418, 500, 503] {
        let mut response = ask(&server.url(&format!("status/{status}"))).unwrap();
        assert_eq!(response.status, status);
        assert_eq!(body(&mut response).unwrap(), b"as you like it");
    }
}

#[test]
fn headers_are_sent_and_those_of_the_recipe_win() {
    let (_directory, server) = served();
    let url = server.url("headers/");
    let headers = [("Accept".to_owned(), "text/plain".to_owned()), ("X-One".to_owned(), "1".to_owned())];
    let mut response =
        get(&Request { url: &url, headers: &headers, conditions: &[], follow: true }, patience()).unwrap();
    let text = String::from_utf8(body(&mut response).unwrap()).unwrap();
    assert!(text.contains("accept: text/plain\n") && text.contains("x-one: 1\n"), "{text}");
    assert!(!text.contains("*/*"), "{text}");
    let host = format!("host: 127.0.0.1:{}\n", server.port);
    assert!(text.contains(&host) && text.contains("user-agent: engine/"), "{text}");
    let broken = [("X-One".to_owned(), "a\r\nHost: b".to_owned())];
    let error = get(&Request { url: &url, headers: &broken, conditions: &[], follow: true }, patience())
        .err()
        .unwrap();
    assert!(matches!(error, HttpError::Request { .. }), "{error}");
}

#[test]
fn redirects_are_followed_relative_ones_as_well() {
    let (_directory, server) = served();
    for status in [301, 302, 303, 307, 308] {
        for target in [server.url("plain/file"), "/plain/file".into(), "../plain/file".into()] {
            let mut response = ask(&server.url(&format!("redirect/{status}?to={target}"))).unwrap();
            assert!(body(&mut response).unwrap() == content(), "{status} to {target}");
        }
    }
    let url = server.url("redirect/302?to=/plain/file");
    let response =
        get(&Request { url: &url, headers: &[], conditions: &[], follow: false }, patience()).unwrap();
    assert_eq!((response.status, response.header("location")), (302, Some("/plain/file")));
}

#[test]
fn redirects_that_never_end_are_given_up_after_five() {
    let (_directory, server) = served();
    assert_eq!(body(&mut ask(&server.url("hops/5")).unwrap()).unwrap(), b"arrived");
    server.requests();
    let error = ask(&server.url("hops/6")).err().unwrap();
    assert!(matches!(error, HttpError::Redirects { .. }), "{error}");
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn headers_of_the_recipe_stay_with_their_host() {
    let (_directory, server) = served();
    let headers = [("Authorization".to_owned(), "Bearer secret".to_owned())];
    let sent = |target: &str| {
        let url = server.url(&format!("redirect/302?to={target}"));
        let mut response =
            get(&Request { url: &url, headers: &headers, conditions: &[], follow: true }, patience())
                .unwrap();
        String::from_utf8(body(&mut response).unwrap()).unwrap().contains("secret")
    };
    assert!(sent(&server.url("headers/")));
    assert!(!sent(&server.named_url("headers/")));
}

#[test]
fn urls_that_cannot_be_asked_for_are_refused_without_their_query() {
    for url in [
        "ftp://localhost/?secret",
        "http:///?secret",
        "http://me:you@localhost/?secret",
        "/x?secret",
        "http://a b/?secret",
    ] {
        let error = ask(url).err().unwrap();
        assert!(matches!(error, HttpError::Url { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let (_directory, server) = served();
    for target in ["ftp://localhost/", "http://me:you@localhost/"] {
        let error = ask(&server.url(&format!("redirect/302?to={target}"))).err().unwrap();
        assert!(matches!(error, HttpError::Target { .. }), "{error}");
    }
}

#[test]
fn nobody_there_is_said_as_the_system_says_it() {
    let nobody = Nobody::new();
    let error = ask(&format!("http://{}/", nobody.address())).err().unwrap().to_string();
    assert!(error.contains("refused"), "{error}");
    let error = ask("http://nobody.invalid/").err().unwrap();
    assert!(matches!(error, HttpError::Name { .. }), "{error}");
}

#[test]
fn whoever_waits_for_an_answer_can_stop() {
    let (_directory, server) = served();
    let looks = Cell::new(0);
    // The first looks are at the connection; by then nothing more comes.
    let stopping = || looks.replace(looks.get() + 1) > 5;
    let patience = Patience::new(&stopping, Instant::now() + Duration::from_mins(1));
    let silent = Request { url: &server.url("silent/"), headers: &[], conditions: &[], follow: true };
    assert!(matches!(get(&silent, patience), Err(HttpError::Stopped)));

    let mut response = ask(&server.url("endless/empty")).unwrap();
    looks.set(0);
    let result = response.body.read(&mut [0; 100], patience);
    assert!(matches!(result, Err(HttpError::Stopped)), "{result:?}");
}

#[test]
fn nobody_waits_longer_than_there_is_time_or_patience_with_silence() {
    let (_directory, server) = served();
    let little = Duration::from_millis(300);
    let url = server.url("silent/");
    let request = Request { url: &url, headers: &[], conditions: &[], follow: true };
    let short = Patience::new(&|| false, Instant::now() + little);
    assert!(matches!(get(&request, short), Err(HttpError::Deadline { .. })));
    assert!(matches!(get(&request, patience().with_silence(little)), Err(HttpError::Silent { .. })));
    let mut response = ask(&server.url("endless/empty")).unwrap();
    let result = response.body.read(&mut [0; 100], patience().with_silence(little));
    assert!(matches!(result, Err(HttpError::Silent { .. })), "{result:?}");
}

#[test]
fn only_servers_that_the_node_trusts_are_spoken_to() {
    let script = "mount --bind \"$1\"/ca.pem /etc/ssl/certs/ca-certificates.crt";
    let outer = |directory: &Path| {
        fs::write(directory.join("file"), content()).unwrap();
        let server = Server::secure(directory);
        // As long as nobody has said that its authority is one.
        let error = ask(&server.named_url("plain/file")).err().unwrap();
        assert!(matches!(error, HttpError::Tls { certificate: true, .. }), "{error}");
        fs::write(directory.join("port"), server.port.to_string()).unwrap();
        server
    };
    with_mounts("only_servers_that_the_node_trusts_are_spoken_to", script, outer, |directory| {
        let port = fs::read_to_string(directory.join("port")).unwrap();
        let url = |host: &str, path: &str| format!("https://{host}:{port}/{path}");
        for how in ["plain", "chunked"] {
            let mut response = ask(&url("localhost", &format!("{how}/file"))).unwrap();
            assert!(body(&mut response).unwrap() == content(), "{how}");
        }
        // This server ends without TLS's word for it, and so could anybody in between.
        let mut response = ask(&url("localhost", "unmeasured/file")).unwrap();
        let error = body(&mut response).map(|bytes| bytes.len()).unwrap_err();
        assert!(matches!(error, HttpError::Truncated { .. }), "{error}");
        let error = ask(&url("127.0.0.1", "plain/file")).err().unwrap();
        assert!(matches!(error, HttpError::Tls { certificate: true, .. }), "{error}");
        let error = ask(&url("localhost", "redirect/302?to=http://localhost/")).err().unwrap().to_string();
        assert!(error.contains("it would leave `https`"), "{error}");
        let stops = Cell::new(0);
        let stopping = || stops.replace(stops.get() + 1) > 5;
        let patience = Patience::new(&stopping, Instant::now() + Duration::from_mins(1));
        let silent = url("localhost", "silent/");
        let result = get(&Request { url: &silent, headers: &[], conditions: &[], follow: true }, patience);
        assert!(matches!(result, Err(HttpError::Stopped)));
    });
}

#[test]
fn what_speaks_no_tls_is_no_matter_of_trust() {
    let (_directory, server) = served();
    let url = server.url("garbage/").replace("http:", "https:");
    let error = ask(&url).err().unwrap();
    assert!(!error.stands(), "{error}");
}
