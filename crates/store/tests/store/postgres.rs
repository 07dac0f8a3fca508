//! What is so of PostgreSQL alone.

use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

use engine_model::{Command, InstanceStatus};
use engine_scheduler::ports::Store;
use engine_store::{Address, Location, PostgresStore, StoreError, open, open_existing};
use engine_test_postgres::Server;

use super::{Database, hold, name, new_run, write};

impl Database for Server {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.url().parse().unwrap()).await.unwrap()
    }
}

fn address(url: &str) -> Address {
    Address::parse(url).unwrap()
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused_and_left_alone() {
    let server = Server::start();
    drop(server.open().await);
    server.sql("UPDATE engine_schema SET version = 99");
    for _ in 0..2 {
        let error = PostgresStore::open(address(&server.url())).await.err().unwrap();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("schema version 99"), "{error}");
    }
    assert_eq!(server.sql("SELECT version FROM engine_schema"), "99");
}

#[tokio::test]
async fn of_many_who_find_an_empty_database_one_makes_the_schema() {
    let server = Arc::new(Server::start());
    let openers: Vec<_> = (0..6)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.open().await.runs(&name("a"), 1).await.unwrap().len() })
        })
        .collect();
    for opener in openers {
        assert_eq!(opener.await.unwrap(), 0);
    }
    assert_eq!(server.sql("SELECT count(*) FROM engine_schema"), "1");
}

#[tokio::test]
async fn who_only_looks_leaves_an_empty_database_empty() {
    let server = Server::start();
    let location: Location = server.url().parse().unwrap();
    assert!(open_existing(&location).await.unwrap().is_none());
    assert_eq!(server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    let store = server.open().await;
    hold(&store, &name("a")).await;
    let looked = open_existing(&location).await.unwrap().unwrap();
    assert!(looked.lock_of(&name("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_that_crashed_and_is_back_is_used_on() {
    let mut server = Server::start();
    let (store, a) = (server.open().await, name("a"));
    let fence = hold(&store, &a).await;
    let run = store.begin_run(&fence, new_run(&a, Command::Setup), None).await.unwrap();
    server.crash();
    server.start_again();
    assert!(write(&store, &fence).await);
    server.crash();
    server.start_again();
    assert_eq!(store.runs(&a, 10).await.unwrap()[0].id, run);
}

#[tokio::test]
async fn a_server_that_is_down_is_told() {
    let mut server = Server::start();
    let store = server.open().await;
    server.crash();
    let failure = store.runs(&name("a"), 1).await.unwrap_err().to_string();
    assert!(failure.contains("postgresql://postgres@") && failure.contains("connect"), "{failure}");
}

/// The connection is cut again and again while runs are begun; each is begun once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_is_done_once() {
    let server = Arc::new(Server::start());
    let (store, a) = (server.open().await, name("a"));
    let fence = hold(&store, &a).await;
    let cuts = {
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || {
            let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                       WHERE application_name = 'engine'";
            (0..30).filter(|_| server.sql(cut) != "0").count()
        })
    };
    let mut begun = Vec::new();
    while !cuts.is_finished() {
        begun.push(store.begin_run(&fence, new_run(&a, Command::Setup), None).await.unwrap());
    }
    assert!(cuts.await.unwrap() > 0);
    let kept: Vec<_> = store.runs(&a, u32::MAX).await.unwrap().iter().rev().map(|run| run.id).collect();
    assert_eq!(kept, begun);
}

#[tokio::test]
async fn who_goes_away_in_the_middle_has_written_nothing_and_blocks_nobody() {
    let server = Server::start();
    let (store, a) = (server.open().await, name("a"));
    let fence = hold(&store, &a).await;
    // Somebody else has the row of the status, so that the write waits.
    store.set_status(&fence, &name("web-1"), InstanceStatus::Online, None).await.unwrap();
    let blocker = server.sql_and_wait("BEGIN; SELECT * FROM instance FOR UPDATE;");
    let writing = {
        let (store, fence) = (Arc::clone(&store), fence.clone());
        tokio::spawn(
            async move { store.set_status(&fence, &name("web-1"), InstanceStatus::Stopped, None).await },
        )
    };
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while server.sql(waits) == "0" {
        tokio::task::yield_now().await;
    }
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    drop(blocker);
    assert_eq!(store.statuses(&a).await.unwrap()[&name("web-1")], InstanceStatus::Online);
    assert!(write(&store, &fence).await);
}

#[tokio::test]
async fn connections_to_a_port_are_encrypted_and_verified() {
    let server = Server::start_with_tls();
    let ca = format!("sslrootcert={}", server.path("ca.pem").display());
    let password = server.path("pgpass");
    std::fs::write(&password, "*:*:*:*:hunter2\n").unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let with_password =
        |parameters: &str| server.url_by_port("localhost", &format!("password=hunter2&{parameters}"));
    let try_open = async |url: &str| {
        let opened = PostgresStore::open(address(url)).await;
        let store = opened.map_err(|error| {
            let told = error.to_string();
            assert!(!told.contains("hunter2"), "{told}");
            told
        })?;
        Ok::<_, String>(store.runs(&name("a"), 1).await.unwrap().len())
    };
    assert_eq!(try_open(&with_password(&ca)).await, Ok(0));
    assert_eq!(try_open(&with_password("sslmode=require")).await, Ok(0));
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND usename IS NOT NULL";
    let open = PostgresStore::open(address(&with_password(&ca))).await.unwrap();
    assert_ne!(server.sql(encrypted), "0");
    drop(open);

    // Who signed it is not known to the system; its name is another one; the server takes nothing unencrypted.
    let unknown = try_open(&with_password("sslmode=verify-full")).await.unwrap_err();
    assert!(unknown.to_lowercase().contains("certificate"), "{unknown}");
    let by_number = server.url_by_port("127.0.0.1", &format!("password=hunter2&{ca}"));
    let another = try_open(&by_number).await.unwrap_err();
    assert!(another.contains("not valid for name"), "{another}");
    let plain = try_open(&with_password("sslmode=disable")).await.unwrap_err();
    assert!(plain.contains("no encryption"), "{plain}");
    let wrong = server.url_by_port("localhost", &format!("password=wrong&{ca}"));
    let refused = try_open(&wrong).await.unwrap_err();
    assert!(refused.contains("password authentication failed"), "{refused}");
}
