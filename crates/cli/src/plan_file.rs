//! A saved plan as a file: a line of JSON that says what it is, and the plan in JSON.
//!
//! It is private to its owner, for it holds what would be written to hosts. It is written whole or not at all, and one
//! that was damaged or edited is refused: what it says would be done as root.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use engine_scheduler::SavedPlan;
use serde::{Deserialize, Serialize};

/// The form of the file. Another one is not understood.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    engine_plan: u32,
    engine: String,
    stack_file: PathBuf,
    blake3: String,
}

/// Why a plan cannot be saved or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanFileError {
    /// The system says no.
    #[error("the plan {path} cannot be {what}: {source}", path = path.display())]
    System { what: &'static str, path: PathBuf, source: io::Error },
    /// It cannot be put into words.
    #[error("the plan cannot be saved: {0}")]
    Encode(serde_json::Error),
    /// It is something else.
    #[error("{path} is no plan that `engine plan --out` has saved", path = path.display())]
    NoPlan { path: PathBuf },
    /// It was damaged or edited.
    #[error("the plan {path} was damaged or edited since it was saved; make a new one", path = path.display())]
    Damaged { path: PathBuf },
    /// It is of another version.
    #[error("the plan {path} was made by engine {engine}, and this is {own}; make a new one", path = path.display(), own = env!("CARGO_PKG_VERSION"))]
    Version { path: PathBuf, engine: String },
}

/// Saves a plan.
pub(crate) fn write(path: &Path, stack_file: &Path, plan: &SavedPlan) -> Result<(), PlanFileError> {
    let body = serde_json::to_vec(plan).map_err(PlanFileError::Encode)?;
    let header = Header {
        engine_plan: FORMAT,
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        stack_file: std::path::absolute(stack_file).unwrap_or_else(|_| stack_file.to_owned()),
        blake3: blake3::hash(&body).to_hex().to_string(),
    };
    let header = serde_json::to_vec(&header).map_err(PlanFileError::Encode)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let put = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        for part in [&header[..], b"\n", &body, b"\n"] {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    put().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        PlanFileError::System { what: "written", path: path.to_owned(), source }
    })
}

/// Reads a plan, and where its stack file is.
pub(crate) fn read(path: &Path) -> Result<(PathBuf, SavedPlan), PlanFileError> {
    let what = "read";
    let bytes =
        fs::read(path).map_err(|source| PlanFileError::System { what, path: path.to_owned(), source })?;
    let no_plan = || PlanFileError::NoPlan { path: path.to_owned() };
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(no_plan)?;
    let header: Header = serde_json::from_slice(&bytes[..end]).map_err(|_| no_plan())?;
    if header.engine_plan != FORMAT || header.engine != env!("CARGO_PKG_VERSION") {
        return Err(PlanFileError::Version { path: path.to_owned(), engine: header.engine });
    }
    let damaged = || PlanFileError::Damaged { path: path.to_owned() };
    let body = bytes[end + 1..].strip_suffix(b"\n").ok_or_else(damaged)?;
    if blake3::hash(body).to_hex().as_str() != header.blake3 {
        return Err(damaged());
    }
    let plan = serde_json::from_slice(body).map_err(|_| damaged())?;
    Ok((header.stack_file, plan))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn plan() -> SavedPlan {
        SavedPlan {
            stack: "demo".parse().unwrap(),
            command: engine_model::Command::Setup,
            nodes: Vec::new(),
            missing: vec![("app-1".parse().unwrap(), "unreachable".to_owned())],
        }
    }

    #[test]
    fn a_plan_is_read_as_it_was_saved_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("setup.plan");
        for _ in 0..2 {
            write(&path, Path::new("/stacks/demo.toml"), &plan()).unwrap();
        }
        assert_eq!(read(&path).unwrap(), (PathBuf::from("/stacks/demo.toml"), plan()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a temporary file is left");
    }

    #[test]
    fn any_byte_that_is_another_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("setup.plan");
        write(&path, Path::new("/s.toml"), &plan()).unwrap();
        let good = fs::read(&path).unwrap();
        let body = good.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for index in body..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(matches!(read(&path), Err(PlanFileError::Damaged { .. })), "{index}");
        }
        for end in 0..good.len() {
            fs::write(&path, &good[..end]).unwrap();
            assert!(read(&path).is_err(), "{end}");
        }
    }
}
