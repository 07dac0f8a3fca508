//! The packages as dnf takes them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{chroot, run_command};
use crate::error::{IoContext, Result};

use super::key::Key;
use super::{LOCAL, MORE, PROBES, Package, Repository, create, inside, put};

/// Debian's rpm keeps a database for each user, next to dpkg's: here it is the system's.
const MACROS: &str = "\
# Written by test-hosts.
%_dbpath /var/lib/rpm
%__gpg /usr/bin/gpg
";

/// The package by which dnf knows the release of the system, `$releasever`.
const RELEASE: &str = "\
Name: test-hosts-release
Version: 1
Release: 1
Summary: What the packages of test hosts are made for
License: Apache-2.0
BuildArch: noarch
AutoReqProv: no
Provides: system-release = %{version}
%description
Makes $releasever 1.
%files
";

/// Builds everything with the tools of the base root itself.
pub(super) fn furnish(root: &Path, work: &Path) -> Result<()> {
    put(&root.join("etc/rpm/macros.test-hosts"), MACROS)?;
    let tools = Tools { root, work };
    let release = tools.build("test-hosts-release", "1", RELEASE)?;
    // Debian's rpm wants to be told that it is meant.
    tools.run(&["rpm", "--install", "--force-debian", &tools.path(&release)])?;
    for repository in [PROBES, MORE] {
        tools.fill(repository)?;
        tools.sign(repository)?;
        tools.index(repository)?;
    }
    // A repository of its own that has no key; elsewhere it does not come with the other plugins.
    put(&root.join("etc/dnf/plugins/local.conf"), "[main]\nenabled = false\n")?;
    put(&root.join("etc/yum.repos.d/probes.repo"), &configuration(PROBES))?;
    tools.fill(LOCAL)
}

/// What builds packages in the base root.
struct Tools<'a> {
    root: &'a Path,
    work: &'a Path,
}

impl Tools<'_> {
    fn run(&self, argv: &[&str]) -> Result<()> {
        run_command(&mut chroot(self.root, argv)).map(drop)
    }

    /// A path as it is called inside.
    fn path(&self, path: &Path) -> String {
        format!("/{}", path.strip_prefix(self.root).unwrap_or(path).display())
    }

    /// Builds one package and returns where it is.
    fn build(&self, name: &str, version: &str, spec: &str) -> Result<PathBuf> {
        let file = self.work.join(format!("{name}.spec"));
        put(&file, spec)?;
        let work = self.path(self.work);
        let topdir = format!("_topdir {work}/build");
        let into = format!("_rpmdir {work}/built");
        let no_debug = "debug_package %{nil}";
        let defines = ["--define", &topdir, "--define", &into, "--define", no_debug];
        self.run(&[&["rpmbuild", "--quiet", "-bb"], &defines[..], &[&self.path(&file)]].concat())?;
        Ok(self.work.join(format!("built/noarch/{name}-{version}-1.noarch.rpm")))
    }

    /// Puts the packages of a repository into its directory.
    fn fill(&self, repository: Repository) -> Result<()> {
        let directory = inside(self.root, &repository.directory());
        create(&directory)?;
        for package in repository.packages() {
            let built = self.build(package.name, package.version, &spec(package))?;
            let to = directory.join(built.file_name().unwrap_or_default());
            fs::rename(&built, &to).at("move", built)?;
        }
        Ok(())
    }

    fn sign(&self, repository: Repository) -> Result<()> {
        let key = Key::generate(self.work.join("key"))?;
        let home = format!("_gpg_path {}", self.path(key.home()));
        let mut argv = vec!["rpmsign", "--define", &home, "--define", "_gpg_name engine", "--addsign"];
        let directory = repository.directory();
        let files: Vec<String> =
            repository.packages().map(|package| format!("{directory}/{}", file(package))).collect();
        argv.extend(files.iter().map(String::as_str));
        self.run(&argv)?;
        key.export(&inside(self.root, &repository.key()))
    }

    fn index(&self, repository: Repository) -> Result<()> {
        let directory = repository.directory();
        self.run(&["createrepo_c", "--quiet", &directory])?;
        let advisories: Vec<String> = repository
            .packages()
            .filter(|package| package.version == super::VERSIONS[1])
            .map(advisory)
            .collect();
        let info = self.work.join("updateinfo.xml");
        put(&info, &format!("<?xml version=\"1.0\"?>\n<updates>\n{}</updates>\n", advisories.concat()))?;
        self.run(&["modifyrepo_c", &self.path(&info), &format!("{directory}/repodata")])
    }
}

fn file(package: Package) -> String {
    format!("{}-{}-1.noarch.rpm", package.name, package.version)
}

fn spec(package: Package) -> String {
    let Package { name, version } = package;
    let mut install = String::new();
    let mut files = String::new();
    for (path, mode, text) in package.files() {
        let _ = writeln!(install, "mkdir -p $(dirname %{{buildroot}}/{path})");
        let _ = write!(install, "cat > %{{buildroot}}/{path} <<'END'\n{text}END\n");
        let kind = if path == package.configuration() { "%config(noreplace) " } else { "" };
        let _ = writeln!(files, "%attr({mode:o}, root, root) {kind}/{path}");
    }
    format!(
        "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: Says which version of it is installed\n\
         License: Apache-2.0\nBuildArch: noarch\nAutoReqProv: no\n\
         %description\nFor tests of package managers.\n%install\n{install}%files\n{files}"
    )
}

/// What `dnf updateinfo` knows of an update.
fn advisory(package: Package) -> String {
    let Package { name, version } = package;
    let (kind, severity) = if package.is_security() { ("security", "Important") } else { ("bugfix", "None") };
    format!(
        "<update from=\"{maker}\" status=\"final\" type=\"{kind}\" version=\"1\">\n\
         <id>{name}-{version}</id><title>{name} {version}</title><severity>{severity}</severity>\n\
         <issued date=\"2025-01-01 00:00:00\"/><description>A higher number.</description><references/>\n\
         <pkglist><collection>\n\
         <package name=\"{name}\" version=\"{version}\" release=\"1\" epoch=\"0\" arch=\"noarch\" \
         src=\"{name}-{version}-1.src.rpm\"><filename>{file}</filename></package>\n\
         </collection></pkglist>\n</update>\n",
        maker = "tests@engine.invalid",
        file = file(package),
    )
}

fn configuration(repository: Repository) -> String {
    format!(
        "# Written by test-hosts.\n[{name}]\nname={name}\nbaseurl=file://{}\nenabled=1\ngpgcheck=1\ngpgkey=file://{}\n",
        repository.directory(),
        repository.key(),
        name = repository.name,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_names_every_file_once_with_its_mode() {
        let spec = spec(Package { name: "engine-probe", version: "1.1" });
        assert!(spec.contains("\nVersion: 1.1\n"));
        assert!(spec.ends_with(
            "%files\n%attr(755, root, root) /usr/bin/engine-probe\n\
             %attr(644, root, root) %config(noreplace) /etc/engine-probe.conf\n"
        ));
        assert!(spec.contains("> %{buildroot}/usr/bin/engine-probe <<'END'\n#!/bin/sh\necho 1.1\nEND\n"));
    }

    #[test]
    fn one_update_mends_security() {
        let kinds: Vec<bool> =
            PROBES.packages().map(|package| advisory(package).contains("type=\"security\"")).collect();
        assert_eq!(kinds, [false, true, false, false]);
    }
}
