//! Waiting for what answers, and guards that ask it.

mod common;

use std::{
    cell::RefCell,
    fs,
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use common::{
    server::{Nobody, Server},
    *,
};
use engine_agent::network::{NetworkError, patience::Patience, port_open, url_answers};
use engine_protocol::{
    Action, Change, FromAgent, Mode, Resource, Spec, Status,
    message::End,
    resource::{Guard, WaitForSpec},
};

fn patience() -> Patience<'static> {
    Patience::new(&|| false, Instant::now() + Duration::from_mins(1))
}

fn wait_for(spec: WaitForSpec) -> Resource {
    resource("wait_for", "it", Action::Wait, Spec::WaitFor(WaitForSpec { name: "it".into(), ..spec }))
}

fn wait_for_path(path: &Path) -> Resource {
    wait_for(WaitForSpec { path: Some(path.display().to_string()), ..WaitForSpec::default() })
}

fn run(mode: Mode, resource: Resource, below: &Path) -> Ran {
    converge(mode, collection(vec![resource], below), &below.join("state"))
}

fn error(ran: &Ran) -> &str {
    match &ran.outcomes[0].status {
        Status::Failed { error, .. } => error,
        status => panic!("{status:?}"),
    }
}

#[test]
fn a_port_is_open_if_it_accepts_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        assert!(port_open(&format!("{host}:{port}"), patience()).unwrap().is_ok(), "{host}");
    }
    let nobody = Nobody::new();
    let seen = port_open(&nobody.address(), patience()).unwrap().unwrap_err();
    assert!(seen.contains("refused"), "{seen}");
    let seen = port_open("nobody.invalid:80", patience()).unwrap().unwrap_err();
    assert!(seen.contains("`nobody.invalid`"), "{seen}");
    for wrong in ["80", "localhost", "localhost:http", "localhost:65536"] {
        assert!(matches!(port_open(wrong, patience()), Err(NetworkError::Address { .. })), "{wrong}");
    }
}

#[test]
fn a_url_answers_if_its_status_is_a_wanted_one() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let answers =
        |path: &str, statuses: &[i32]| url_answers(&server.url(path), statuses, patience()).unwrap();
    assert_eq!(answers("status/204", &[]), Ok(()));
    assert_eq!(answers("status/503", &[503]), Ok(()));
    let seen = answers("status/503", &[]).unwrap_err();
    assert!(seen.ends_with("/status/503` answers with status 503"), "{seen}");
    assert!(answers("status/200", &[503]).is_err());
    // Where it leads was not asked for.
    let seen = answers("redirect/302?to=/status/200", &[]).unwrap_err();
    assert!(seen.contains("status 302, a redirect to `/status/200`"), "{seen}");
    assert_eq!(answers("redirect/302?to=/status/200", &[302]), Ok(()));
    let nobody = Nobody::new();
    assert!(url_answers(&format!("http://{}/", nobody.address()), &[], patience()).unwrap().is_err());
    assert!(url_answers("http:///", &[], patience()).is_err());
}

#[test]
fn what_is_there_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let spec = WaitForSpec {
        address: Some(format!("127.0.0.1:{}", server.port)),
        url: Some(server.url("status/200")),
        path: Some(directory.path().display().to_string()),
        ..WaitForSpec::default()
    };
    let nobody = Nobody::new();
    let gone = WaitForSpec {
        address: Some(nobody.address()),
        url: Some(server.url("status/404")),
        path: Some(directory.path().join("gone").display().to_string()),
        absent: true,
        ..WaitForSpec::default()
    };
    for spec in [spec, gone] {
        for mode in [Mode::Plan, Mode::Apply] {
            assert_eq!(run(mode, wait_for(spec.clone()), directory.path()).statuses(), [(0, "up to date")]);
        }
    }
}

#[test]
fn it_waits_until_all_of_it_is_so() {
    let directory = tempfile::tempdir().unwrap();
    let (path, below, nobody) = (directory.path().join("there"), directory.path(), Nobody::new());
    let spec = WaitForSpec {
        address: Some(nobody.address()),
        path: Some(path.display().to_string()),
        ..WaitForSpec::default()
    };
    let plan = run(Mode::Plan, wait_for(spec.clone()), below);
    assert_eq!(plan.statuses(), [(0, "changed")]);
    let told = RefCell::new(Vec::new());
    // What it waits for comes as soon as it says that it waits.
    let comes = |message: &FromAgent| {
        if let FromAgent::Waiting { message, .. } = message {
            told.borrow_mut().push(message.clone());
            fs::write(&path, "").unwrap();
            nobody.listen();
        }
        false
    };
    let ran =
        converge_until(Mode::Apply, collection(vec![wait_for(spec)], below), &below.join("state"), comes);
    assert_eq!(ran.statuses(), [(0, "changed")]);
    assert_eq!(ran.outcomes[0].changes, [Change::Done { what: "waited".into() }]);
    assert_eq!(plan.outcomes[0].changes, ran.outcomes[0].changes);
    let told = told.into_inner();
    assert!(told.len() == 1 && told[0].contains("for at most 300 s; nothing is at"), "{told:?}");
}

#[test]
fn it_waits_until_none_of_it_is_so_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    fs::write(&path, "").unwrap();
    let spec = WaitForSpec { path: Some(path.display().to_string()), absent: true, ..WaitForSpec::default() };
    let state = directory.path().join("state");
    let ran =
        converge_until(Mode::Apply, collection(vec![wait_for(spec)], directory.path()), &state, |message| {
            if matches!(message, FromAgent::Waiting { .. }) {
                fs::remove_file(&path).unwrap();
            }
            false
        });
    assert_eq!(ran.statuses(), [(0, "changed")]);
}

#[test]
fn in_vain_it_says_what_it_saw_last() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let nobody = Nobody::new();
    let address = nobody.address();
    let spec =
        |address: Option<String>, url: Option<String>| WaitForSpec { address, url, ..WaitForSpec::default() };
    for (spec, expected) in [
        (spec(Some(address.clone()), None), format!(" s, `{address}` accepts no connection")),
        (spec(None, Some(server.url("status/503"))), "answers with status 503".to_owned()),
        (spec(None, Some(server.url("silent/"))), "does not answer in time".to_owned()),
    ] {
        let mut resource = wait_for(spec);
        resource.common.timeout_seconds = Some(1);
        let ran = run(Mode::Apply, resource, directory.path());
        assert!(error(&ran).contains(&expected), "{}", error(&ran));
    }
}

#[test]
fn a_stop_while_it_waits_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let spec = WaitForSpec { url: Some(server.url("status/500")), ..WaitForSpec::default() };
    for resource in [wait_for_path(&directory.path().join("never")), wait_for(spec)] {
        let waiting = |message: &FromAgent| matches!(message, FromAgent::Waiting { .. });
        let collection = collection(vec![resource], directory.path());
        let ran = converge_until(Mode::Apply, collection, &directory.path().join("state"), waiting);
        assert_eq!((ran.statuses(), ran.applied), (vec![], End::Stopped { remaining: 1 }));
    }
}

#[test]
fn a_plan_does_not_know_what_comes_of_what_comes_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made");
    let nobody = Nobody::new();
    let resources = vec![
        file(&path.display().to_string(), b""),
        wait_for_path(&path),
        wait_for_path(&directory.path().join("other")),
        wait_for(WaitForSpec { address: Some(nobody.address()), ..WaitForSpec::default() }),
    ];
    let ran = converge(Mode::Plan, collection(resources, directory.path()), &directory.path().join("state"));
    let expected = [(0, "changed"), (1, "up to date"), (2, "unknown"), (3, "unknown")];
    assert_eq!(ran.statuses(), expected);
}

#[test]
fn guards_ask_the_network() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let guarded = |guard: Guard| {
        let mut resource = file(&directory.path().join("a").display().to_string(), b"");
        resource.common.only_if.push(guard);
        run(Mode::Plan, resource, directory.path())
    };
    let nobody = Nobody::new();
    let port = |address: &str| guarded(Guard::PortOpen { address: address.into() });
    let url = |url: String| guarded(Guard::UrlAnswers { url });
    assert_eq!(port(&format!("127.0.0.1:{}", server.port)).statuses(), [(0, "changed")]);
    assert_eq!(port(&nobody.address()).statuses(), [(0, "skipped")]);
    assert_eq!(url(server.url("status/200")).statuses(), [(0, "changed")]);
    assert_eq!(url(server.url("status/500")).statuses(), [(0, "skipped")]);
    assert_eq!(url(format!("http://{}/", nobody.address())).statuses(), [(0, "skipped")]);
    // Nobody can answer what makes no sense.
    let ran = url("http://127.0.0.1:1:1/".into());
    assert!(error(&ran).contains("is no URL"), "{}", error(&ran));
}
