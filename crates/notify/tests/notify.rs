//! Webhooks and commands that are told of runs.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use engine_model::{Command, Moment, Notification, NotificationTarget, RunId};
use engine_notify::{Notifier, NotifyFailure};
use engine_protocol::Mode;
use engine_scheduler::{Counts, NodeResult, RunEvent, RunSummary, event::NodeSummary};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);

/// A server that answers one request after another with these statuses, and tells what it was sent.
fn server(statuses: &'static [u16]) -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/services/T0/very-secret", listener.local_addr().unwrap());
    let (told, heard) = mpsc::channel();
    thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let body = body(&mut stream);
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            if *status == 200 {
                told.send(serde_json::from_slice(&body).unwrap()).unwrap();
            }
        }
    });
    (url, heard)
}

fn body(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).unwrap();
        request.extend(&part[..count]);
        let Some(end) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if request.len() >= end + 4 + length.parse::<usize>().unwrap() {
            assert!(head.contains("content-type: application/json"), "{head}");
            return request.split_off(end + 4);
        }
    }
}

fn notification(target: NotificationTarget, on: &[Moment]) -> Notification {
    Notification { name: "chat".parse().unwrap(), target, on: on.to_vec() }
}

fn started() -> RunEvent {
    RunEvent::RunStarted {
        run: Some(RunId(7)),
        stack: "demo".parse().unwrap(),
        command: Command::Deploy,
        mode: Mode::Apply,
        instances: vec!["app-1".parse().unwrap()],
        operator: "ana@desk".to_owned(),
        comment: "release 1.4".to_owned(),
    }
}

fn finished(result: NodeResult) -> RunEvent {
    let counts = Counts { changed: 3, ..Counts::default() };
    let node = NodeSummary { instance: "app-1".parse().unwrap(), result, counts, duration_ms: 5 };
    let summary = RunSummary {
        nodes: vec![node],
        duration_ms: 9,
        stopped: false,
        stack_lost: false,
        reacted: false,
        run: Some(RunId(7)),
        resumable: false,
    };
    RunEvent::RunFinished { summary }
}

/// Tells of a whole run; gives back what could not be told.
fn run(notification: Notification, result: NodeResult) -> Vec<NotifyFailure> {
    let mut notifier = Notifier::new(vec![notification]);
    notifier.hear(&started());
    notifier.hear(&finished(result));
    notifier.end(PATIENCE)
}

#[test]
fn a_webhook_is_told_of_the_start_and_the_failure() {
    let (url, heard) = server(&[200, 200]);
    let failed = NodeResult::Failed { error: "service[app]: it does not start".to_owned() };
    assert_eq!(run(notification(NotificationTarget::Webhook(url), &Moment::ALL), failed), []);
    let messages: Vec<Value> = heard.iter().take(2).collect();
    insta::assert_json_snapshot!(messages);
}

#[test]
fn only_what_is_wanted_is_told() {
    let (url, heard) = server(&[200]);
    assert_eq!(
        run(notification(NotificationTarget::Webhook(url), &[Moment::Success]), NodeResult::Successful),
        []
    );
    assert_eq!(heard.recv().unwrap()["moment"], "success");
}

#[test]
fn a_server_that_fails_is_tried_again_and_then_named_without_its_secret() {
    let (url, heard) = server(&[500, 503, 200]);
    let target = || NotificationTarget::Webhook(url.clone());
    assert_eq!(run(notification(target(), &[Moment::Start]), NodeResult::Successful), []);
    assert_eq!(heard.recv().unwrap()["moment"], "start");
    let (url, _heard) = server(&[500, 500, 500]);
    let failures =
        run(notification(NotificationTarget::Webhook(url), &[Moment::Start]), NodeResult::Successful);
    let text = failures[0].to_string();
    assert_eq!(text, "`chat` was not told of the start: 127.0.0.1 answered 500");
}

#[test]
fn a_server_that_is_down_or_silent_holds_nobody_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let target = NotificationTarget::Webhook(format!("http://{address}/very-secret"));
    let mut notifier = Notifier::new(vec![notification(target, &[Moment::Start])]);
    notifier.hear(&started());
    // Nobody answers; the run ends, and does not wait.
    assert_eq!(notifier.end(Duration::ZERO), []);
    drop(listener);
    let target = NotificationTarget::Webhook(format!("http://{address}/very-secret"));
    let failures = run(notification(target, &[Moment::Start]), NodeResult::Successful);
    let text = failures[0].to_string();
    assert!(text.contains("127.0.0.1") && !text.contains("very-secret"), "{text}");
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let target = NotificationTarget::WebhookVariable("ENGINE_TEST_NO_SUCH_VARIABLE".to_owned());
    let failures = run(notification(target, &[Moment::Failure]), NodeResult::Failed { error: String::new() });
    assert!(failures[0].to_string().contains("ENGINE_TEST_NO_SUCH_VARIABLE"));
}

#[test]
fn a_command_gets_the_message_and_its_failure_is_told() {
    let directory = std::env::temp_dir().join(format!("engine-notify-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("told");
    let argv = ["sh", "-c", "cat > \"$0\"", file.to_str().unwrap()].map(str::to_owned).to_vec();
    let told =
        run(notification(NotificationTarget::Command(argv), &[Moment::Success]), NodeResult::Successful);
    assert_eq!(told, []);
    let message: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((&message["run"], &message["state"]), (&7.into(), &"successful".into()));
    std::fs::remove_dir_all(&directory).unwrap();

    let argv = ["sh", "-c", "echo one >&2; echo no pager >&2; exit 3"].map(str::to_owned).to_vec();
    let failures =
        run(notification(NotificationTarget::Command(argv), &[Moment::Start]), NodeResult::Successful);
    assert!(failures[0].error.ends_with("exit status: 3: no pager"), "{failures:?}");
    let missing = vec!["/no/such/program".to_owned()];
    let failures =
        run(notification(NotificationTarget::Command(missing), &[Moment::Start]), NodeResult::Successful);
    assert!(failures[0].error.starts_with("/no/such/program: "), "{failures:?}");
}

#[test]
fn nobody_is_told_of_a_plan() {
    let (url, heard) = server(&[200]);
    let target = NotificationTarget::Webhook(url);
    let mut notifier = Notifier::new(vec![notification(target, &Moment::ALL)]);
    notifier.hear(&RunEvent::RunStarted {
        run: None,
        stack: "demo".parse().unwrap(),
        command: Command::Setup,
        mode: Mode::Plan,
        instances: Vec::new(),
        operator: String::new(),
        comment: String::new(),
    });
    notifier.hear(&finished(NodeResult::Successful));
    assert_eq!(notifier.end(PATIENCE), []);
    assert!(heard.try_recv().is_err());
}

#[test]
fn a_run_that_goes_on_is_told_of_like_one_that_begins() {
    let (url, heard) = server(&[200, 200]);
    let mut notifier = Notifier::new(vec![notification(NotificationTarget::Webhook(url), &Moment::ALL)]);
    notifier.hear(&RunEvent::RunResumed {
        run: RunId(7),
        stack: "demo".parse().unwrap(),
        command: Command::Deploy,
        instances: vec!["app-1".parse().unwrap()],
        operator: "bo@desk".to_owned(),
        comment: "release 1.4".to_owned(),
    });
    notifier.hear(&finished(NodeResult::Successful));
    assert_eq!(notifier.end(PATIENCE), []);
    let (start, end) = (heard.recv().unwrap(), heard.recv().unwrap());
    assert_eq!(start["text"], "run 7, deploy on stack demo by bo@desk, goes on");
    assert_eq!((&end["moment"], &end["run"]), (&Value::from("success"), &Value::from(7)));
}
