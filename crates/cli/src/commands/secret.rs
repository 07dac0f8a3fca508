//! `engine secret`.

use std::{
    fs::{self, OpenOptions},
    io::{IsTerminal as _, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use comfy_table::Table;
use engine_manifest::Manifest;
use engine_model::{Secret, SecretSource};
use engine_scheduler::ports::{SecretFailure, SecretProvider as _};
use engine_secrets::{FileError, Identity, Prompt, Providers, SecretFile, keys};
use zeroize::Zeroizing;

use crate::{
    arguments::{SecretCommand, SecretOptions},
    commands,
    errors::{FAILED, Failure},
};

/// A directory that is in memory on every Linux.
const IN_MEMORY: &str = "/dev/shm";

/// Looks after the secrets of a stack.
pub(crate) fn secret(command: &SecretCommand) -> Result<ExitCode, Failure> {
    match command {
        SecretCommand::List { options, json } => list(options, *json),
        SecretCommand::Set { name, options } => set(name, options),
        SecretCommand::Edit { file, options, plain_in } => {
            edit(file.as_deref(), options, plain_in.as_deref())
        }
        SecretCommand::Keygen { file } => {
            let public = keys::generate(file).map_err(Failure::failed)?;
            anstream::println!("{public}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Where the values of a stack's secrets come from.
pub(crate) fn providers(manifest: &Manifest, identity: Option<&Path>) -> Providers {
    Providers::new(identity_file(manifest, identity), prompt())
}

fn identity_file(manifest: &Manifest, given: Option<&Path>) -> Option<PathBuf> {
    given.map(Path::to_owned).or_else(|| manifest.stack.secret_file.identity.clone())
}

/// Asks at the terminal, if there is one.
fn prompt() -> Prompt {
    Prompt::new(|what| {
        let asked =
            std::io::stdin().is_terminal().then(|| rpassword::prompt_password(format!("{what}: ")))?;
        asked.ok().map(Zeroizing::new)
    })
}

fn list(options: &SecretOptions, json: bool) -> Result<ExitCode, Failure> {
    let manifest = commands::manifest(&options.stack)?;
    let providers = providers(&manifest, options.identity.as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the asynchronous runtime: {error}")))?;
    let secrets = &manifest.stack.secrets;
    let found: Vec<(&Secret, Option<SecretFailure>)> = runtime.block_on(async {
        let mut found = Vec::new();
        for secret in secrets {
            found.push((secret, providers.value(secret).await.err()));
        }
        found
    });
    if json {
        let list: Vec<_> = found
            .iter()
            .map(|(secret, failure)| {
                let error = failure.as_ref().map(ToString::to_string);
                serde_json::json!({
                    "name": secret.name, "source": secret.source, "resolves": failure.is_none(), "error": error,
                })
            })
            .collect();
        let text = serde_json::to_string_pretty(&list).map_err(Failure::failed)?;
        anstream::println!("{text}");
    } else {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_header(["secret", "from", ""]);
        for (secret, failure) in &found {
            let state = failure.as_ref().map_or_else(|| "ok".to_owned(), ToString::to_string);
            let state = engine_contract::visible::line(&state).into_owned();
            table.add_row([secret.name.to_string(), secret.source.to_string(), state]);
        }
        anstream::println!("{table}");
    }
    let all = found.iter().all(|(_, failure)| failure.is_none());
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn set(name: &str, options: &SecretOptions) -> Result<ExitCode, Failure> {
    let manifest = commands::manifest(&options.stack)?;
    let Some(secret) = manifest.stack.secret(name) else {
        let hint = format!("add `[secrets.{name}]` with `file = \"secrets.age\"` to the stack file");
        return Err(Failure::usage(format!("the stack has no secret `{name}`")).hint(hint));
    };
    let SecretSource::File { path, key } = &secret.source else {
        let message =
            format!("secret `{name}` comes from {}, and only one in a file can be set", secret.source);
        return Err(Failure::usage(message));
    };
    let file = SecretFile::new(path.clone());
    let mut table = if file.exists() {
        file.read(&identity(&manifest, options)?).map_err(file_failure)?
    } else {
        engine_secrets::file::Table::new()
    };
    let value = value(name)?;
    table.insert(key.clone(), value);
    file.write(&table, &manifest.stack.secret_file.recipients).map_err(file_failure)?;
    anstream::eprintln!("set `{name}` in {}", path.display());
    Ok(ExitCode::SUCCESS)
}

/// The value from the terminal, or from standard input without one line break at the end.
fn value(name: &str) -> Result<Zeroizing<String>, Failure> {
    let unread = |error| Failure::failed(format!("the value cannot be read: {error}"));
    let mut value = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("value of {name}: ")).map(Zeroizing::new).map_err(unread)?
    } else {
        let mut text = Zeroizing::new(String::new());
        std::io::stdin().read_to_string(&mut text).map_err(unread)?;
        text
    };
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    if value.is_empty() {
        return Err(Failure::usage("the value is empty").hint(format!("`engine secret set {name} < FILE`")));
    }
    Ok(value)
}

fn identity(manifest: &Manifest, options: &SecretOptions) -> Result<Identity, Failure> {
    let file = identity_file(manifest, options.identity.as_deref());
    Identity::load(file.as_deref(), &prompt()).map_err(key_failure)
}

#[allow(clippy::needless_pass_by_value)] // For `map_err`.
fn key_failure(error: engine_secrets::KeyError) -> Failure {
    let failure = Failure::usage(&error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn file_failure(error: FileError) -> Failure {
    match error {
        FileError::Key(error) => key_failure(error),
        error => Failure::failed(error),
    }
}

fn edit(file: Option<&Path>, options: &SecretOptions, plain_in: Option<&Path>) -> Result<ExitCode, Failure> {
    let manifest = commands::manifest(&options.stack)?;
    let path = the_file(&manifest, file)?;
    let file = SecretFile::new(path.clone());
    let before = if file.exists() {
        file.decrypt(&identity(&manifest, options)?).map_err(file_failure)?
    } else {
        Zeroizing::new("# name = \"value\"\n".to_owned())
    };
    let after = edited(&before, plain_in)?;
    if after == before {
        anstream::eprintln!("{} is as it was", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    file.table(&after).map_err(|error| Failure::failed(format!("nothing is saved: {error}")))?;
    file.encrypt(&after, &manifest.stack.secret_file.recipients).map_err(file_failure)?;
    anstream::eprintln!("saved {}", path.display());
    Ok(ExitCode::SUCCESS)
}

/// The file that is meant, or the only one.
fn the_file(manifest: &Manifest, given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(file) = given {
        return Ok(file.to_owned());
    }
    let mut files: Vec<&PathBuf> = manifest
        .stack
        .secrets
        .iter()
        .filter_map(|secret| match &secret.source {
            SecretSource::File { path, .. } => Some(path),
            _ => None,
        })
        .collect();
    files.sort();
    files.dedup();
    match &files[..] {
        [file] => Ok((*file).clone()),
        [] => Err(Failure::usage("no secret of the stack is in a file")
            .hint("add `[secrets.NAME]` with `file = \"secrets.age\"` to the stack file")),
        _ => Err(Failure::usage("the secrets of the stack are in several files").hint("name one of them")),
    }
}

/// The text as an editor leaves it. The editor has it in memory, unless the operator named a directory.
fn edited(text: &str, plain_in: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    let editor =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let editor =
        editor.ok_or_else(|| Failure::usage("no editor is set").hint("set EDITOR, for example to `vi`"))?;
    let place = match plain_in {
        Some(directory) => directory.to_owned(),
        None if is_in_memory(Path::new(IN_MEMORY)) => PathBuf::from(IN_MEMORY),
        None => {
            let message =
                format!("{IN_MEMORY} is not in memory, so the editor would leave secrets on a disk");
            return Err(Failure::failed(message).hint("name a directory with --plain-in if that may be"));
        }
    };
    let failed = |error: std::io::Error| Failure::failed(format!("in {}: {error}", place.display()));
    // Mode 0700, and gone when this ends.
    let directory = tempfile::Builder::new().prefix("engine-").tempdir_in(&place).map_err(failed)?;
    let path = directory.path().join("secrets.toml");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    drop(file);
    let done = run_editor(&editor, &path);
    let read = fs::read_to_string(&path).map(Zeroizing::new).map_err(failed);
    wipe(directory.path());
    done?;
    read
}

fn run_editor(editor: &str, path: &Path) -> Result<(), Failure> {
    let words = editor.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let [program, arguments @ ..] = &words[..] else { return Err(Failure::usage("no editor is set")) };
    let status = std::process::Command::new(program)
        .args(arguments)
        .arg(path)
        .status()
        .map_err(|error| Failure::failed(format!("the editor `{program}` cannot be started: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::failed(format!("nothing is saved: the editor `{program}` ended with {status}")))
}

/// Overwrites all files of a directory, backups of the editor included.
fn wipe(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let length = entry.metadata().map_or(0, |data| data.len());
        if let Ok(mut file) = OpenOptions::new().write(true).open(entry.path()) {
            let _ = std::io::copy(&mut std::io::repeat(0).take(length), &mut file);
        }
    }
}

fn is_in_memory(directory: &Path) -> bool {
    /// Of tmpfs, as statfs(2) has it.
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    rustix::fs::statfs(directory).is_ok_and(|found| u64::try_from(found.f_type) == Ok(TMPFS_MAGIC))
}
