//! A PostgreSQL of a test's own: from Debian's package, in a temporary directory, gone with the test.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

/// The user of the databases, and theirs of the operating system if the tests run as root: PostgreSQL refuses root.
const USER: &str = "postgres";

/// A server, gone when this is dropped. It listens at a socket, and at a port of this machine with TLS if it was asked to.
pub struct Server {
    directory: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Server {
    /// Makes and starts one.
    pub fn start() -> Self {
        Self::with("")
    }

    /// The same, which listens at a port of this machine as well and takes encrypted connections with a password only.
    pub fn start_with_tls() -> Self {
        Self::with("localhost")
    }

    fn with(listen: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("engine-pg-").tempdir().unwrap();
        // The server's user has to get to its own directory below.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Free now; nobody else takes it in the moment until the server does.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Server { directory, port, process: None };
        fs::DirBuilder::new().mode(0o700).create(server.path("data")).unwrap();
        fs::DirBuilder::new().mode(0o755).create(server.path("run")).unwrap();
        fs::write(server.path("password"), "hunter2").unwrap();
        if getuid().is_root() {
            for name in ["data", "run", "password"] {
                run(Command::new("chown").arg(USER).arg(server.path(name)));
            }
        }
        run(server
            .tool("initdb", &[])
            .args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
            .args(["--username", USER, "--pwfile"])
            .arg(server.path("password"))
            .arg(server.path("data")));
        let access = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(server.path("data/pg_hba.conf"), access).unwrap();
        let mut settings =
            fs::OpenOptions::new().append(true).open(server.path("data/postgresql.conf")).unwrap();
        let run_directory = server.path("run");
        writeln!(
            settings,
            "listen_addresses = '{listen}'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off",
            run_directory.display()
        )
        .unwrap();
        if !listen.is_empty() {
            server.certify();
            writeln!(settings, "ssl = on").unwrap();
        }
        server.start_again();
        server
    }

    /// A file of the server's directory; `ca.pem` is who signed its certificate.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A URL by the socket.
    pub fn url(&self) -> String {
        format!("postgresql:///?user={USER}&host={}&port={}", self.path("run").display(), self.port)
    }

    /// A URL by the port.
    pub fn url_by_port(&self, host: &str, parameters: &str) -> String {
        format!("postgresql://{USER}@{host}:{}/postgres?{parameters}", self.port)
    }

    /// What a client of PostgreSQL's own says to it.
    pub fn sql(&self, statement: &str) -> String {
        let mut psql = Command::new(program("psql"));
        psql.arg("-h").arg(self.path("run")).args(["-p", &self.port.to_string(), "-U", USER, "-tA"]);
        run(psql.args(["-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement])).trim().to_owned()
    }

    /// Says something in a session that stays until it is dropped; it is said when this returns.
    pub fn sql_and_wait(&self, statement: &str) -> Session {
        let mut psql = Command::new(program("psql"));
        psql.arg("-h").arg(self.path("run")).args(["-p", &self.port.to_string(), "-U", USER, "-qtA"]);
        let mut process =
            psql.args(["-d", "postgres"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(process.stdin.as_mut().unwrap(), "{statement}\n\\echo said").unwrap();
        let lines = BufReader::new(process.stdout.as_mut().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "said"), "{statement}");
        Session(process)
    }

    /// Ends the server like a machine whose power goes.
    pub fn crash(&mut self) {
        self.end(Signal::QUIT);
    }

    /// Starts it, and waits until it answers.
    pub fn start_again(&mut self) {
        let log = fs::File::create(self.path("log")).unwrap();
        let mut postgres = self.tool("postgres", &["--pdeathsig", "QUIT"]);
        postgres.arg("-D").arg(self.path("data")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut process = postgres.spawn().unwrap();
        loop {
            let mut ready = Command::new(program("pg_isready"));
            ready.arg("-q").arg("-h").arg(self.path("run")).args(["-p", &self.port.to_string()]);
            if ready.status().unwrap().success() {
                break;
            }
            if let Some(status) = process.try_wait().unwrap() {
                panic!("PostgreSQL: {status}: {}", fs::read_to_string(self.path("log")).unwrap());
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        self.process = Some(process);
    }

    /// A program of the server, as the server's user.
    fn tool(&self, name: &str, options: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(options);
        if getuid().is_root() {
            command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups"]);
        }
        command.arg("--").arg(program(name)).current_dir(self.directory.path()).env("LC_ALL", "C");
        command
    }

    /// A key, and a certificate for `localhost` that signs itself.
    fn certify(&self) {
        let config = self.path("openssl.cnf");
        let text = "[req]\ndistinguished_name = name\nx509_extensions = extensions\nprompt = no\n\
                    [name]\nCN = localhost\n\
                    [extensions]\nbasicConstraints = critical,CA:FALSE\nsubjectAltName = DNS:localhost\n";
        fs::write(&config, text).unwrap();
        let (key, certificate) = (self.path("data/server.key"), self.path("data/server.crt"));
        run(Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .arg("-config")
            .arg(&config)
            .args(["-days", "2", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate));
        fs::copy(&certificate, self.path("ca.pem")).unwrap();
        if getuid().is_root() {
            run(Command::new("chown").arg(USER).arg(key).arg(certificate));
        }
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut process) = self.process.take() {
            let id = i32::try_from(process.id()).ok().and_then(Pid::from_raw).unwrap();
            kill_process(id, signal).unwrap();
            process.wait().unwrap();
        }
    }
}

/// A session of a client of PostgreSQL's own.
pub struct Session(Child);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Signal::QUIT);
    }
}

/// Where Debian has the programs of PostgreSQL, of the newest version that is there.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("bin").join(name));
    let number = |path: &PathBuf| path.iter().nth(4)?.to_str()?.parse::<u32>().ok();
    programs.filter(|path| Path::exists(path)).max_by_key(number).unwrap_or_else(|| {
        panic!("there is no PostgreSQL below /usr/lib/postgresql; `scripts/setup --tests` installs it")
    })
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
