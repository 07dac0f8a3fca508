//! `test-hosts`: real hosts on this machine, from the command line.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use engine_test_hosts::{Error, Fleet, Guest, Host, Options, default_dir, ensure_base};

#[derive(Parser)]
#[command(name = "test-hosts", about = "Real hosts on this machine, for tests", version)]
struct Cli {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    action: Action,
}

#[derive(Args)]
struct Which {
    /// The fleet
    #[arg(long, global = true, default_value = "default")]
    fleet: String,
    /// Where the fleet lives [default: /var/tmp/engine-test-hosts/<FLEET>]
    #[arg(long, global = true, env = "ENGINE_TEST_HOSTS_DIR")]
    dir: Option<PathBuf>,
}

impl Which {
    fn dir(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(|| default_dir(&self.fleet))
    }
}

#[derive(Subcommand)]
enum Action {
    /// Build a base root only
    Base {
        /// Of this kind of guest
        #[arg(default_value_t)]
        guest: Guest,
    },
    /// Boot hosts; an earlier fleet in the same place is taken down first
    Up {
        /// How many
        count: usize,
        /// The names of the first ones; the others are app-1, app-2 and so on
        #[arg(long, value_delimiter = ',')]
        names: Vec<String>,
        /// A host that is of another kind than systemd, as NAME=sysvinit
        #[arg(long = "guest", value_name = "NAME=KIND", value_parser = named_guest)]
        guests: Vec<(String, Guest)>,
        /// Hosts that have loop devices and may swap
        #[arg(long, value_delimiter = ',')]
        devices: Vec<String>,
        /// The third byte of the addresses [default: the first free one]
        #[arg(long)]
        subnet: Option<u8>,
        /// What machine ids are made of
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Take everything down
    Down,
    /// List the hosts
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a command on a host through SSH, or log in
    Ssh {
        /// The host
        host: String,
        /// The account: root, operator (has sudo) or nosudo
        #[arg(long, short, default_value = "root")]
        login: String,
        /// The command
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Run a command on a host past network and login
    Exec {
        /// The host
        host: String,
        /// The command
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Drop every packet from and to a host
    Cut(One),
    /// End a cut
    Heal(One),
    /// Stop every process of a host where it is
    Freeze(One),
    /// End a freeze
    Thaw(One),
    /// Pull the plug of a host
    Kill(One),
    /// Switch a host on
    Start(One),
    /// Shut a host down
    Stop(One),
    /// Reboot a host
    Reboot(One),
    /// Boot a host from a fresh disk
    Reset(One),
    /// Serve a directory of a host and git repositories in it over HTTPS, and let the host trust it
    Serve {
        /// The host
        host: String,
        /// The directory inside
        directory: String,
    },
    /// Give a host a small file system at a path
    Fill {
        /// The host
        host: String,
        /// The directory inside
        path: PathBuf,
        /// How many bytes it has room for
        #[arg(long, default_value_t = 4096)]
        room: u64,
    },
    /// End a fill
    Free {
        /// The host
        host: String,
        /// The directory inside
        path: PathBuf,
    },
}

#[derive(Args)]
struct One {
    /// The host
    host: String,
}

fn named_guest(text: &str) -> Result<(String, Guest), String> {
    let (name, guest) = text.split_once('=').ok_or("write NAME=KIND")?;
    Ok((name.to_owned(), guest.parse().map_err(|error: Error| error.to_string())?))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("test-hosts: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Error> {
    let dir = cli.which.dir();
    let on = |name: &str, action: fn(&Host) -> Result<(), Error>| {
        action(Fleet::open(&dir)?.host(name)?).map(|()| ExitCode::SUCCESS)
    };
    match &cli.action {
        Action::Base { guest } => println!("{}", ensure_base(*guest)?.display()),
        Action::Up { count, names, guests, devices, subnet, seed } => {
            let start = Instant::now();
            let mut options = Options::new(&cli.which.fleet, *count);
            options.names.clone_from(names);
            options.guests = guests.iter().cloned().collect();
            options.devices = devices.iter().cloned().collect();
            options.state_dir = Some(dir);
            options.subnet = *subnet;
            options.seed = *seed;
            let fleet = Fleet::up(&options)?;
            for host in fleet.hosts() {
                println!("{}\t{}", host.name(), host.address());
            }
            println!("ssh -F {} <host>", fleet.ssh_config().display());
            eprintln!("up in {:.1}s", start.elapsed().as_secs_f32());
        }
        Action::Down => Fleet::down_at(&dir)?,
        Action::List { json } => list(&Fleet::open(&dir)?, *json)?,
        Action::Ssh { host, login, command } => {
            let fleet = Fleet::open(&dir)?;
            let mut ssh = fleet.host(host)?.ssh();
            ssh.args(["-l", login, "--"]).args(command);
            return pass(ssh);
        }
        Action::Exec { host, command } => {
            let fleet = Fleet::open(&dir)?;
            return pass(fleet.host(host)?.command(command)?);
        }
        Action::Cut(one) => return on(&one.host, Host::cut),
        Action::Heal(one) => return on(&one.host, Host::heal),
        Action::Freeze(one) => return on(&one.host, Host::freeze),
        Action::Thaw(one) => return on(&one.host, Host::thaw),
        Action::Kill(one) => return on(&one.host, Host::kill),
        Action::Start(one) => return on(&one.host, Host::start),
        Action::Stop(one) => return on(&one.host, Host::stop),
        Action::Reboot(one) => return on(&one.host, Host::reboot),
        Action::Reset(one) => return on(&one.host, Host::reset),
        Action::Serve { host, directory } => {
            let fleet = Fleet::open(&dir)?;
            let host = fleet.host(host)?;
            let web = host.serve_https(directory)?;
            host.trust(&web)?;
            host.make_git_repositories(directory)?;
            println!("{}", web.url(""));
        }
        Action::Fill { host, path, room } => {
            Fleet::open(&dir)?.host(host)?.fill_disk(path, *room)?;
        }
        Action::Free { host, path } => Fleet::open(&dir)?.host(host)?.free_disk(path)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(fleet: &Fleet, json: bool) -> Result<(), Error> {
    let mut hosts = Vec::new();
    for host in fleet.hosts() {
        hosts.push((host, host.power()?, host.is_cut()?));
    }
    if json {
        let hosts: Vec<_> = hosts
            .iter()
            .map(|(host, power, cut)| {
                serde_json::json!({
                    "name": host.name(),
                    "address": host.address(),
                    "guest": host.guest(),
                    "power": power,
                    "cut": cut,
                    "init_pid": host.init_pid(),
                    "root": host.root(),
                    "console_log": host.console_log(),
                })
            })
            .collect();
        let fleet = serde_json::json!({
            "fleet": fleet.name(),
            "state_dir": fleet.state_dir(),
            "subnet": fleet.subnet(),
            "ssh_config": fleet.ssh_config(),
            "identity": fleet.identity(),
            "known_hosts": fleet.known_hosts(),
            "hosts": hosts,
        });
        println!("{fleet:#}");
    } else {
        for (host, power, cut) in hosts {
            let cut = if cut { "\tcut" } else { "" };
            let power = format!("{power:?}").to_lowercase();
            println!("{}\t{}\t{power}{cut}", host.name(), host.address());
        }
    }
    Ok(())
}

/// Runs a command in our place: its streams and its status are ours.
fn pass(mut command: std::process::Command) -> Result<ExitCode, Error> {
    let _ = std::io::stdout().flush();
    let status = command.stdin(std::process::Stdio::inherit()).status().map_err(|source| Error::Spawn {
        argv: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
