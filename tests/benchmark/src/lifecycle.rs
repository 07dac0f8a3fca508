//! `engine run setup` beside the baselines, round after round.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use engine_test_hosts::{Fleet, Host};

use crate::{
    RunArguments, fixture,
    fixture::Fixture,
    measure::{Cost, measure as cost},
    report,
};

/// What was measured for one number of hosts and files.
pub struct Cell {
    /// Hosts.
    pub hosts: usize,
    /// Files on each.
    pub files: usize,
    /// Bare handshakes, of all rounds.
    pub handshake: Vec<Cost>,
    /// OpenSSH and engine on hosts that have nothing.
    pub cold: Pair,
    /// The same on hosts that have all.
    pub warm: Pair,
}

/// The two that do the same work.
#[derive(Default)]
pub struct Pair {
    /// `ssh HOST sh -s`.
    pub openssh: Vec<Cost>,
    /// `engine run setup`.
    pub engine: Vec<Cost>,
}

/// Measures every cell.
pub fn measure(
    arguments: &RunArguments,
    engine: &Path,
    cookbook: &Path,
    fleet: &Fleet,
) -> anyhow::Result<Vec<Cell>> {
    let cache = tempfile::tempdir()?;
    let mut cells = Vec::new();
    for &hosts in &arguments.hosts {
        for &files in &arguments.files {
            let hosts = fleet.hosts().get(..hosts).context("too few hosts")?;
            let names: Vec<_> =
                hosts.iter().map(|host| (host.name().to_owned(), host.address().to_string())).collect();
            let runner = Runner {
                engine,
                hosts,
                files,
                config: fleet.ssh_config(),
                cache: cache.path().join("components"),
                fixture: Fixture::new(&names, files, &fleet.ssh_config(), cookbook)?,
                this: std::env::current_exe().context("the path of this program")?,
            };
            let cell = runner.cell(arguments)?;
            report::cell(&cell);
            cells.push(cell);
        }
    }
    Ok(cells)
}

struct Runner<'a> {
    engine: &'a Path,
    hosts: &'a [Host],
    files: usize,
    config: PathBuf,
    cache: PathBuf,
    fixture: Fixture,
    this: PathBuf,
}

impl Runner<'_> {
    fn cell(&self, arguments: &RunArguments) -> anyhow::Result<Cell> {
        let mut cell = Cell {
            hosts: self.hosts.len(),
            files: self.files,
            handshake: Vec::new(),
            cold: Pair::default(),
            warm: Pair::default(),
        };
        // Not counted: it fills the cache of compiled code, and the page cache of everything.
        self.clear()?;
        self.run_engine()?;
        for _ in 0..arguments.cold {
            cell.handshake.push(self.run_handshake()?);
            self.clear()?;
            cell.cold.openssh.push(self.run_openssh()?);
            self.clear()?;
            cell.cold.engine.push(self.run_engine()?);
        }
        let before = fixture::files(self.hosts)?;
        ensure!(before.len() == self.hosts.len() * self.files, "{} files were written", before.len());
        for _ in 0..arguments.warm {
            cell.handshake.push(self.run_handshake()?);
            cell.warm.openssh.push(self.run_openssh()?);
            cell.warm.engine.push(self.run_engine()?);
        }
        // Both write the same, or this would not hold.
        ensure!(fixture::files(self.hosts)? == before, "a warm run wrote to files");
        Ok(cell)
    }

    fn clear(&self) -> anyhow::Result<()> {
        fixture::clear(self.hosts, true)?;
        self.fixture.forget()
    }

    fn run_engine(&self) -> anyhow::Result<Cost> {
        let words: [OsString; 9] = [
            self.engine.into(),
            "run".into(),
            "setup".into(),
            "--stack".into(),
            self.fixture.stack().into(),
            "--cache-dir".into(),
            self.cache.clone().into(),
            "--state".into(),
            self.fixture.state().into(),
        ];
        cost(&words, self.fixture.path())
    }

    fn run_handshake(&self) -> anyhow::Result<Cost> {
        cost(&self.baseline("handshake"), self.fixture.path())
    }

    fn run_openssh(&self) -> anyhow::Result<Cost> {
        let mut words = self.baseline("openssh");
        words.extend(["--scripts".into(), self.fixture.path().into()]);
        cost(&words, self.fixture.path())
    }

    fn baseline(&self, which: &str) -> Vec<OsString> {
        vec![
            self.this.clone().into(),
            which.into(),
            "--config".into(),
            self.config.clone().into(),
            "--hosts".into(),
            self.fixture.names.join(",").into(),
        ]
    }
}
