//! The built program.

use std::{
    io::{Read, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use engine_protocol::{Collection, FromAgent, Mode, Status, ToAgent, frame, message::End};

/// An agent as a process, and its frames.
pub struct Agent {
    pub child: Child,
    pub input: Option<ChildStdin>,
    pub output: ChildStdout,
}

impl Agent {
    pub fn start(state_dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_engine-agent"))
            .args(["--lock-wait", "1", "--state-dir"])
            .arg(state_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let mut agent = Self { child, input, output };
        let Some(FromAgent::Hello { facts, .. }) = agent.receive() else { panic!("no hello") };
        assert!(!facts.hostname.is_empty() && facts.cpu_count > 0 && facts.memory_bytes > 0);
        agent
    }

    pub fn send(&mut self, message: &ToAgent) {
        self.input.as_mut().unwrap().write_all(&frame::encode(message).unwrap()).unwrap();
    }

    pub fn begin(&mut self, mode: Mode, collection: Collection) {
        self.send(&ToAgent::Begin { run: "run".into(), event: "setup".into(), mode, place: None });
        self.send(&ToAgent::Apply(collection));
    }

    pub fn receive(&mut self) -> Option<FromAgent> {
        let mut header = [0; frame::HEADER_BYTES];
        self.output.read_exact(&mut header).ok()?;
        let mut body = vec![0; frame::length(header).unwrap()];
        self.output.read_exact(&mut body).unwrap();
        Some(frame::decode(&body).unwrap())
    }

    pub fn applied(&mut self) -> (Vec<Status>, End) {
        let mut statuses = Vec::new();
        loop {
            match self.receive().expect("the agent is gone") {
                FromAgent::Outcome(outcome) => statuses.push(outcome.status),
                FromAgent::Applied { end, .. } => return (statuses, end),
                FromAgent::Fatal { error } => panic!("{error}"),
                _ => {}
            }
        }
    }
}

pub fn wait_for(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}
