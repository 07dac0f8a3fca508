//! Which argument of which resource is checked against which grant.

use super::{
    Grants,
    pattern::{
        argv_matches, glob, is_any_command, is_normal, is_plain_repository, is_plain_url, path_matches,
    },
};
use crate::resource::{Guard, ProcessSpec, Spec, UserSpec, Verify};

/// A capability and the argument that it was not granted for.
type Refused = (&'static str, String);

/// Stands for any name that may come in an archive or a repository.
const ANY_NAME: &str = "\u{1}";

/// Deeper than this is matched by `**` alone.
const DEPTH: usize = 64;

impl Grants {
    pub(super) fn check_spec(&self, spec: &Spec) -> Result<(), Refused> {
        match spec {
            Spec::Package(package) => {
                package.source.as_deref().map_or(Ok(()), |path| self.check_path(path))?;
                package.names.iter().try_for_each(|each| name("packages", &self.packages, each))
            }
            Spec::PackageUpdate(_) => name("packages", &self.packages, "*"),
            Spec::AptRepository(repository) => {
                self.check_repositories(&repository.name)?;
                // What is taken away needs no place.
                if repository.uri.is_empty() {
                    Ok(())
                } else {
                    self.check_url("repositories", &repository.uri)
                }
            }
            Spec::YumRepository(repository) => {
                self.check_repositories(&repository.name)?;
                let places = [&repository.baseurl, &repository.mirrorlist, &repository.metalink];
                let keys = repository.gpgkey.iter().filter(|key| !key.starts_with("file:///etc/pki/"));
                let mut urls = places.into_iter().flatten().chain(keys);
                urls.try_for_each(|url| self.check_url("repositories", url))
            }
            Spec::File(file) => self.check_verified(&file.path, &file.verify),
            Spec::Directory(directory) => self.check_path(&directory.path),
            Spec::RemoteDirectory(directory) => {
                self.check_path(&directory.path)?;
                if directory.purge {
                    self.check_tree(&directory.path)?;
                }
                let mut paths = directory.files.iter().map(|(path, _)| format!("{}/{path}", directory.path));
                paths.try_for_each(|path| self.check_path(&path))
            }
            Spec::Link(link) => self.check_path(&link.path),
            Spec::LineInFile(line) => self.check_verified(&line.path, &line.verify),
            Spec::BlockInFile(block) => self.check_verified(&block.path, &block.verify),
            Spec::IniSetting(setting) => self.check_verified(&setting.path, &setting.verify),
            Spec::Archive(archive) => {
                self.check_path(&archive.source)?;
                self.check_tree(&archive.path)
            }
            Spec::RemoteFile(file) => {
                if !file.source.is_empty() {
                    self.check_url("downloads", &file.source)?;
                }
                self.check_verified(&file.path, &file.verify)
            }
            Spec::Git(git) => {
                if !is_plain_repository(&git.repository) {
                    return Err(("downloads", git.repository.clone()));
                }
                name("downloads", &self.downloads, &git.repository)?;
                self.check_tree(&git.path)
            }
            // What is built in is not checked, and nobody else may declare it.
            Spec::Release(release) => Err(("releases", release.path.clone())),
            Spec::Service(service) => name("services", &self.services, &service.name),
            Spec::SystemdUnit(unit) => name("units", &self.units, &unit.name),
            Spec::Cron(cron) => {
                name("schedules", &self.schedules, &cron.name)?;
                self.check_command(&cron.argv, &cron.environment)
            }
            Spec::Timer(timer) => {
                name("schedules", &self.schedules, &timer.name)?;
                self.check_command(&timer.argv, &timer.environment)
            }
            Spec::User(user) => self.check_user(user),
            Spec::Group(group) => name("groups", &self.groups, &group.name),
            Spec::AuthorizedKeys(keys) => name("users", &self.users, &keys.user),
            Spec::Sudoers(sudoers) => name("sudoers", &self.sudoers, &sudoers.name),
            Spec::Hostname(_) => self.check_system("hostname", ""),
            // Which names are taken away with an address, the agent knows.
            Spec::HostsEntry(entry) if entry.hostname.is_empty() => {
                let of_hosts = |grant: &String| grant.starts_with("hosts:") || glob(grant, "hosts:\u{1}");
                if self.system.iter().any(of_hosts) { Ok(()) } else { Err(("system", "hosts:*".to_owned())) }
            }
            Spec::HostsEntry(entry) => {
                self.check_system("hosts", &entry.hostname)?;
                entry.aliases.iter().try_for_each(|alias| self.check_system("hosts", alias))
            }
            Spec::Timezone(_) => self.check_system("timezone", ""),
            Spec::Locale(_) => self.check_system("locale", ""),
            Spec::Sysctl(sysctl) => self.check_system("sysctl", &sysctl.key),
            Spec::KernelModule(module) => self.check_system("kernel_module", &module.name),
            Spec::Limits(limits) => self.check_system("limits", &limits.domain),
            Spec::Reboot(_) => self.check_system("reboot", ""),
            Spec::SwapFile(file) => self.check_storage(&file.path),
            Spec::Mount(mount) => {
                self.check_storage(&mount.mount_point)?;
                // What is taken away needs no device.
                if mount.device.is_empty() { Ok(()) } else { self.check_storage(&mount.device) }
            }
            Spec::Volume(volume) => {
                self.check_storage(&volume.device)?;
                self.check_storage(&volume.mount_point)
            }
            Spec::Execute(execute) => self.check_process(&execute.argv, &execute.process),
            Spec::Script(script) => {
                // A text for an interpreter is what the interpreter may do with any argument of that name.
                let argv: Vec<String> = script.interpreter.iter().chain([&script.name]).cloned().collect();
                self.check_process(&argv, &script.process)
            }
            Spec::WaitFor(wait) => {
                for place in wait.address.iter().chain(&wait.url) {
                    self.check_network(place)?;
                }
                wait.path.as_deref().map_or(Ok(()), |path| self.check_path(path))
            }
        }
    }

    pub(super) fn check_guard(&self, guard: &Guard) -> Result<(), Refused> {
        match guard {
            Guard::Command { argv } => self.check_argv(argv),
            Guard::PathExists { path } => self.check_path(path),
            Guard::PackageInstalled { name: package } => name("packages", &self.packages, package),
            Guard::ServiceRunning { name: service } | Guard::ServiceEnabled { name: service } => {
                name("services", &self.services, service)
            }
            Guard::UserExists { name: user } => name("users", &self.users, user),
            Guard::GroupExists { name: group } => name("groups", &self.groups, group),
            Guard::PortOpen { address: place } | Guard::UrlAnswers { url: place } => {
                self.check_network(place)
            }
        }
    }

    /// Whether any repository may be managed at all.
    fn check_repositories(&self, name: &str) -> Result<(), Refused> {
        if self.repositories.is_empty() { Err(("repositories", name.to_owned())) } else { Ok(()) }
    }

    fn check_user(&self, user: &UserSpec) -> Result<(), Refused> {
        name("users", &self.users, &user.name)?;
        // A user in `sudo` is root: membership is the group's to grant. A primary group of the user's
        // own name is what every new user has.
        let others = user.group.iter().filter(|group| **group != user.name).chain(&user.groups);
        for group in others {
            name("groups", &self.groups, group)?;
        }
        // Another name for root is root.
        if user.uid == Some(0) {
            name("users", &self.users, "root")?;
        }
        // A directory that is made or moved belongs to the user, who may be anybody with a key.
        match &user.home {
            Some(home) if user.manage_home && *home != format!("/home/{}", user.name) => {
                self.check_tree(home)
            }
            Some(home) if user.manage_home => normal("files", home),
            _ => Ok(()),
        }
    }

    fn check_process(&self, argv: &[String], process: &ProcessSpec) -> Result<(), Refused> {
        for path in process.cwd.iter().chain(&process.creates) {
            normal("files", path)?;
        }
        self.check_command(argv, &process.environment)
    }

    fn check_command(&self, argv: &[String], environment: &[(String, String)]) -> Result<(), Refused> {
        self.check_argv(argv)?;
        // Many a variable decides which code a granted command runs.
        if self.execute.iter().any(|pattern| is_any_command(pattern)) {
            return Ok(());
        }
        environment.iter().try_for_each(|(variable, _)| name("environment", &self.environment, variable))
    }

    /// A file and the command that its content must pass.
    fn check_verified(&self, path: &str, verify: &Verify) -> Result<(), Refused> {
        self.check_path(path)?;
        if verify.argv.is_empty() { Ok(()) } else { self.check_argv(&verify.argv) }
    }

    pub(super) fn check_argv(&self, argv: &[String]) -> Result<(), Refused> {
        if self.execute.iter().any(|pattern| argv_matches(pattern, argv)) {
            Ok(())
        } else {
            Err(("execute", argv.join(" ")))
        }
    }

    pub(super) fn check_path(&self, path: &str) -> Result<(), Refused> {
        normal("files", path)?;
        if self.files.iter().any(|pattern| path_matches(pattern, path)) {
            Ok(())
        } else {
            Err(("files", path.to_owned()))
        }
    }

    /// Whether anything may be put below a directory, whatever its name.
    pub(super) fn check_tree(&self, path: &str) -> Result<(), Refused> {
        self.check_path(path)?;
        let below = format!("/{ANY_NAME}").repeat(DEPTH);
        self.check_path(&format!("{}{below}", path.trim_end_matches('/')))
            .map_err(|_| ("files", format!("{path}/**")))
    }

    pub(super) fn check_url(&self, capability: &'static str, url: &str) -> Result<(), Refused> {
        // A repository may be a directory of the node; nothing else is fetched from there.
        let directory = url.strip_prefix("file://").filter(|_| capability == "repositories");
        let plain = match directory {
            Some(path) => is_normal(path.strip_suffix('/').unwrap_or(path)),
            None => is_plain_url(url),
        };
        if !plain {
            return Err((capability, url.to_owned()));
        }
        let patterns = if capability == "downloads" { &self.downloads } else { &self.repositories };
        name(capability, patterns, url)
    }

    fn check_network(&self, place: &str) -> Result<(), Refused> {
        if place.contains("://") && !is_plain_url(place) {
            return Err(("network", place.to_owned()));
        }
        name("network", &self.network, place)
    }

    fn check_system(&self, what: &str, argument: &str) -> Result<(), Refused> {
        let wanted = if argument.is_empty() { what.to_owned() } else { format!("{what}:{argument}") };
        name("system", &self.system, &wanted)
    }

    /// Whether a name may be given to an address in `/etc/hosts`, or taken from it.
    pub fn allows_host(&self, name: &str) -> bool {
        self.check_system("hosts", name).is_ok()
    }

    fn check_storage(&self, place: &str) -> Result<(), Refused> {
        if place.starts_with('/') {
            normal("storage", place)?;
        }
        if self.storage.iter().any(|pattern| path_matches(pattern, place)) {
            Ok(())
        } else {
            Err(("storage", place.to_owned()))
        }
    }
}

pub(super) fn name(capability: &'static str, patterns: &[String], name: &str) -> Result<(), Refused> {
    if patterns.iter().any(|pattern| glob(pattern, name)) {
        Ok(())
    } else {
        Err((capability, name.to_owned()))
    }
}

fn normal(capability: &'static str, path: &str) -> Result<(), Refused> {
    if is_normal(path) { Ok(()) } else { Err((capability, path.to_owned())) }
}
