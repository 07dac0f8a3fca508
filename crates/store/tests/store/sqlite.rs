//! What is so of SQLite files alone.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command as Process, Stdio},
    sync::Arc,
};

use engine_model::{Command, InstanceStatus};
use engine_scheduler::{
    RunEvent,
    ports::{Store, TimedEvent},
};
use engine_store::{SqliteStore, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Database, hold, name, new_run};

/// A state file.
pub(crate) struct File(TempDir);

impl File {
    pub(crate) fn new() -> Self {
        File(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("deep/state.db")
    }
}

impl Database for File {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.path()).unwrap())
    }
}

#[tokio::test]
async fn a_file_is_read_by_its_owner_only() {
    let file = File::new();
    file.open().await;
    assert_eq!(std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused_and_left_alone() {
    let file = File::new();
    drop(file.open().await);
    Connection::open(file.path()).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let before = std::fs::read(file.path()).unwrap();
    let error = SqliteStore::open(&file.path()).unwrap_err().to_string();
    assert!(error.contains("schema version 99"), "{error}");
    assert_eq!(std::fs::read(file.path()).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    std::fs::write(&path, "not a database, but long enough to be looked at").unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Sqlite { .. })));
}

/// Where a test that is run once more in a process of its own has its state file.
const DIRECTORY: &str = "ENGINE_STORE_TEST_DIRECTORY";

/// Runs a test of this file once more, with the state file in a directory, behind a program and its arguments.
fn again(test: &str, directory: &Path, wrapper: &[&str]) -> Process {
    let this = std::env::current_exe().unwrap();
    let mut process = match wrapper {
        [] => Process::new(&this),
        [program, arguments @ ..] => {
            let mut process = Process::new(program);
            process.args(arguments).arg(&this);
            process
        }
    };
    let test = format!("sqlite::{test}");
    process.args(["--exact", &test, "--nocapture", "--test-threads", "1"]).env(DIRECTORY, directory);
    process
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_what_was_there() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        let directory = tempfile::tempdir().unwrap();
        // A disk of its own, which nobody else sees and which goes with the process.
        let mount = "mount -t tmpfs -o size=512k none \"$ENGINE_STORE_TEST_DIRECTORY\" && exec \"$@\"";
        let wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"];
        let output =
            again("a_full_disk_is_told_and_leaves_what_was_there", directory.path(), &wrapper).output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    };
    let path = Path::new(&directory).join("state.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
    let (a, web) = (name("a"), name("web-1"));
    let fence = hold(&store, &a).await;
    store.set_status(&fence, &web, InstanceStatus::Online, None).await.unwrap();
    let long = "x".repeat(1 << 20);
    let failure = store.set_status(&fence, &web, InstanceStatus::Stopped, Some(&long)).await;
    let message = failure.unwrap_err().to_string();
    assert!(message.contains("full") && message.contains("state.db"), "{message}");
    assert_eq!(store.statuses(&a).await.unwrap()[&web], InstanceStatus::Online);
    store.set_status(&fence, &web, InstanceStatus::Stopped, Some("short")).await.unwrap();
    assert_eq!(store.statuses(&a).await.unwrap()[&web], InstanceStatus::Stopped);
}

/// So many events are recorded together by the process that is killed.
const BATCH: usize = 50;

#[tokio::test]
async fn who_is_killed_has_written_all_of_a_thing_or_nothing() {
    let event = |at_ms| TimedEvent { at_ms, event: RunEvent::Connecting { instance: name("web-1") } };
    let a = name("a");
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let path = Path::new(&directory).join("state.db");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
        let fence = hold(&store, &a).await;
        loop {
            let run = store.begin_run(&fence, new_run(&a, Command::Setup), None).await.unwrap();
            store.record(&fence, run, (0..BATCH as u64).map(event).collect()).await.unwrap();
            writeln!(std::io::stdout(), "recorded {run}").unwrap();
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "who_is_killed_has_written_all_of_a_thing_or_nothing";
    let mut told = BTreeSet::new();
    for round in 1..=5 {
        let mut process = again(test, directory.path(), &[]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut recorded =
            lines.filter_map(|line| Some(line.unwrap().strip_prefix("recorded ")?.parse::<u64>().unwrap()));
        told.extend(recorded.by_ref().take(round * 3));
        // It is somewhere in the next ones by now.
        process.kill().unwrap();
        process.wait().unwrap();
        told.extend(recorded);
        let path = directory.path().join("state.db");
        let store = SqliteStore::open(&path).unwrap();
        let runs = store.runs(&a, 1000).await.unwrap();
        let last = *told.last().unwrap();
        assert!((last..=last + 1).contains(&runs[0].id.0), "{last}: {:?}", runs[0]);
        for run in &runs {
            let events = store.events(run.id).await.unwrap().len();
            assert!(events == BATCH || (events == 0 && !told.contains(&run.id.0)), "{run:?}: {events}");
        }
        let check: String = Connection::open(&path)
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
        // The next round begins with the stack taken from the dead.
        let holder = store.lock_of(&a).await.unwrap().unwrap();
        assert!(store.unlock(&a, &holder.id).await.unwrap());
    }
}
