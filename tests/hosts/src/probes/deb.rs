//! The packages as apt takes them.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::command::{chroot, command, run, run_command};
use crate::error::{IoContext, Result};

use super::key::Key;
use super::{LOCAL, MAKER, MORE, PROBES, Package, Repository, create, inside, put};

/// A part of an archive with a `Release` of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Suite {
    /// Where its `Release` is, below the archive.
    directory: String,
    codename: String,
    class: &'static str,
    origin: &'static str,
    label: &'static str,
    /// Where its packages are, below the archive.
    pool: &'static str,
}

impl Suite {
    fn plain(release: &str) -> Self {
        Self {
            directory: format!("dists/{release}"),
            codename: release.to_owned(),
            class: "stable",
            origin: "test-hosts",
            label: "Probes",
            pool: "pool/main",
        }
    }

    /// What has the marks of Debian's own archive of security updates: they are all that tells one.
    fn security(release: &str) -> Self {
        Self {
            directory: format!("dists/{release}-security"),
            codename: format!("{release}-security"),
            class: "stable-security",
            origin: "Debian",
            label: "Debian-Security",
            pool: "pool/security",
        }
    }

    /// An archive without suites, whose distribution is `./`.
    fn flat(release: &str) -> Self {
        Self { directory: ".".to_owned(), ..Self::plain(release) }
    }

    /// Where the index of its packages is, below the archive.
    fn index(&self, architecture: &str) -> String {
        match self.directory.as_str() {
            "." => ".".to_owned(),
            directory => format!("{directory}/main/binary-{architecture}"),
        }
    }

    fn settings(&self, architecture: &str) -> Vec<String> {
        let fields = [
            ("Codename", self.codename.as_str()),
            ("Suite", self.class),
            ("Version", "1"),
            ("Origin", self.origin),
            ("Label", self.label),
            ("Components", "main"),
            ("Architectures", architecture),
        ];
        fields.iter().map(|(key, value)| format!("APT::FTPArchive::Release::{key}={value}")).collect()
    }
}

/// Builds everything with the tools of this machine.
pub(super) fn furnish(root: &Path, work: &Path, release: &str) -> Result<()> {
    let architecture = run("dpkg", ["--print-architecture"])?;
    let architecture = architecture.trim();
    let archive = Archive { root, work, architecture };
    archive.fill(PROBES, "pool/main")?;
    archive.publish(PROBES, &[Suite::plain(release), Suite::security(release)])?;
    archive.fill(MORE, "pool/main")?;
    archive.publish(MORE, &[Suite::plain(release), Suite::flat(release)])?;
    archive.fill(LOCAL, "")?;
    put(&root.join("etc/apt/sources.list.d/probes.sources"), &configuration(PROBES, release))?;
    // The lists stay, as those of the distribution do.
    let options = [
        "Dir::Etc::sourcelist=sources.list.d/probes.sources",
        "Dir::Etc::sourceparts=-",
        "APT::Get::List-Cleanup=0",
    ];
    let options = options.iter().flat_map(|option| ["-o", option]);
    run_command(&mut chroot(root, ["apt-get", "--quiet=2", "update"].into_iter().chain(options))).map(drop)
}

/// Where an archive is made.
struct Archive<'a> {
    root: &'a Path,
    work: &'a Path,
    architecture: &'a str,
}

impl Archive<'_> {
    /// Puts the packages of a repository into a directory of it; what mends security has its own.
    fn fill(&self, repository: Repository, pool: &str) -> Result<()> {
        let directory = inside(self.root, &repository.directory());
        for package in repository.packages() {
            let pool = if package.is_security() { "pool/security" } else { pool };
            let pool = directory.join(pool);
            create(&pool)?;
            let tree = self.work.join("tree");
            lay_out(&tree, package)?;
            let file = pool.join(format!("{}_{}_all.deb", package.name, package.version));
            let build: [&OsStr; 4] =
                ["--root-owner-group".as_ref(), "--build".as_ref(), tree.as_os_str(), file.as_os_str()];
            run("dpkg-deb", build)?;
            fs::remove_dir_all(&tree).at("remove", tree)?;
        }
        Ok(())
    }

    /// Writes and signs the indices of a repository.
    fn publish(&self, repository: Repository, suites: &[Suite]) -> Result<()> {
        let key = Key::generate(self.work.join("key"))?;
        let directory = inside(self.root, &repository.directory());
        for suite in suites {
            let index = directory.join(suite.index(self.architecture));
            put(&index.join("Packages"), &ftparchive(&directory, &[], "packages", suite.pool)?)?;
            let settings = suite.settings(self.architecture);
            let release = directory.join(&suite.directory).join("Release");
            put(&release, &ftparchive(&directory, &settings, "release", &suite.directory)?)?;
            key.sign_text(&release, &release.with_file_name("InRelease"))?;
        }
        key.export(&inside(self.root, &repository.key()))
    }
}

fn ftparchive(directory: &Path, settings: &[String], what: &str, path: &str) -> Result<String> {
    let mut ftparchive = command("apt-ftparchive");
    for setting in settings {
        ftparchive.arg("-o").arg(setting);
    }
    run_command(ftparchive.args([what, path]).current_dir(directory))
}

/// Makes the directory that `dpkg-deb` packs.
fn lay_out(tree: &Path, package: Package) -> Result<()> {
    for (path, mode, text) in package.files() {
        let path = tree.join(path);
        put(&path, &text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).at("protect", path)?;
    }
    put(&tree.join("DEBIAN/control"), &control(package))?;
    put(&tree.join("DEBIAN/conffiles"), &format!("/{}\n", package.configuration()))
}

fn control(package: Package) -> String {
    let Package { name, version } = package;
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nSection: misc\nPriority: optional\n\
         Maintainer: {MAKER}\nDescription: says which version of it is installed\n For tests of package managers.\n"
    )
}

fn configuration(repository: Repository, release: &str) -> String {
    let mut text = String::from("# Written by test-hosts.\nTypes: deb\n");
    let _ = writeln!(text, "URIs: file:{}", repository.directory());
    let _ = writeln!(text, "Suites: {release} {release}-security");
    let _ = writeln!(text, "Components: main\nSigned-By: {}", repository.key());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_of_security_updates_looks_like_debians() {
        let settings = Suite::security("bookworm").settings("amd64");
        assert!(settings.contains(&"APT::FTPArchive::Release::Codename=bookworm-security".to_owned()));
        assert!(settings.contains(&"APT::FTPArchive::Release::Label=Debian-Security".to_owned()));
    }

    #[test]
    fn the_source_names_both_suites_and_the_key() {
        assert_eq!(
            configuration(PROBES, "bookworm"),
            "# Written by test-hosts.\nTypes: deb\nURIs: file:/var/lib/test-hosts/probes\n\
             Suites: bookworm bookworm-security\nComponents: main\nSigned-By: /var/lib/test-hosts/probes.asc\n"
        );
    }
}
