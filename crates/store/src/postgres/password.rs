//! Where the password of a database is, if not in its URL: `PGPASSWORD`, or the operator's file as libpq has it.

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tokio_postgres::config::{Config, Host};

use super::address::SOCKETS;

/// Why a password cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error("the file of passwords {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the file of passwords {} can be read by others; `chmod 600 {}`", .path.display(), .path.display())]
    Readable {
        /// The file.
        path: PathBuf,
    },
}

/// The password for a database, if there is one.
pub(super) fn find(config: &Config) -> Result<Option<String>, PasswordError> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(password) = std::env::var("PGPASSWORD").ok().filter(|value| !value.is_empty()) {
        return Ok(Some(password));
    }
    let file = variable("PGPASSFILE").map(PathBuf::from);
    match file.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".pgpass"))) {
        Some(file) => in_file(&file, config),
        None => Ok(None),
    }
}

fn in_file(path: &Path, config: &Config) -> Result<Option<String>, PasswordError> {
    let failure = |source| PasswordError::File { path: path.to_owned(), source };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure(error)),
    };
    let Some(password) = in_text(&text, config) else { return Ok(None) };
    let mode = std::fs::metadata(path).map_err(failure)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(PasswordError::Readable { path: path.to_owned() });
    }
    Ok(Some(password))
}

/// Of several servers, any that the file knows.
fn in_text(text: &str, config: &Config) -> Option<String> {
    let (user, database) = (config.get_user()?, config.get_dbname()?);
    let ports = config.get_ports();
    let by_name = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) if path == Path::new(SOCKETS) => "localhost".to_owned(),
        Host::Unix(path) => path.display().to_string(),
    });
    let by_number = config.get_hostaddrs().iter().map(ToString::to_string);
    let hosts: Vec<String> = by_name.chain(by_number).collect();
    hosts.iter().enumerate().find_map(|(number, host)| {
        let port = ports.get(number).or(ports.first()).copied().unwrap_or(5432).to_string();
        let wanted = [host.as_str(), &port, database, user];
        text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let fields = fields(line);
            let [of @ .., password] = &fields[..] else { return None };
            let fits = of.len() == wanted.len()
                && of.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
            fits.then(|| password.clone())
        })
    })
}

/// Fields are separated by colons; a backslash takes the next character as it is. The fifth field is the rest.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let count = fields.len();
        let Some(field) = fields.last_mut() else { break };
        match character {
            '\\' => field.extend(characters.next()),
            ':' if count < 5 => fields.push(String::new()),
            other => field.push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::Address;

    fn password(text: &str, url: &str) -> Option<String> {
        in_text(text, &Address::parse(url).unwrap().config)
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# db.example:*:*:ana:no\nother:5432:e:ana:no\ndb.example:5432:*:ana:one:\\:two\\\\\n*:*:*:*:last\n";
        assert_eq!(password(text, "postgres://ana@db.example/e").as_deref(), Some("one::two\\"));
        assert_eq!(password(text, "postgres://ana@db.example:5433/e").as_deref(), Some("last"));
        assert_eq!(password(text, "postgres://bo@db.example/e").as_deref(), Some("last"));
        assert_eq!(password("too:few:fields\n\n", "postgres://bo@db.example/e"), None);
    }

    #[test]
    fn a_socket_is_called_localhost_or_by_its_directory() {
        let text = "localhost:5432:e:ana:default\n/run/pg:5433:e:ana:other\n";
        assert_eq!(password(text, "postgres:///e?user=ana").as_deref(), Some("default"));
        assert_eq!(password(text, "postgres:///e?user=ana&host=/run/pg&port=5433").as_deref(), Some("other"));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_where_it_is_needed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pgpass");
        std::fs::write(&path, "db.example:*:*:ana:one\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let find = |url: &str| in_file(&path, &Address::parse(url).unwrap().config);
        let error = find("postgres://ana@db.example/e").unwrap_err();
        assert!(matches!(error, PasswordError::Readable { .. }));
        assert!(find("postgres://bo@db.example/e").unwrap().is_none());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(find("postgres://ana@db.example/e").unwrap().as_deref(), Some("one"));
    }
}
