//! What the cloud said earlier in this boot, kept for when it does not answer: a fact that comes and
//! goes would change what recipes declare.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use engine_protocol::{facts::Cloud, frame};

/// What was written in this boot.
pub fn read(path: &Path, boot_id: &str) -> Option<Cloud> {
    let bytes = fs::read(path).ok()?;
    let (boot, cloud): (String, Cloud) = frame::decode(bytes.get(frame::HEADER_BYTES..)?).ok()?;
    (boot == boot_id).then_some(cloud)
}

/// Keeps it, if it can be kept: without, the cloud is only asked for more the next time.
pub fn write(path: &Path, boot_id: &str, cloud: &Cloud) {
    let Ok(bytes) = frame::encode(&(boot_id, cloud)) else { return };
    let temporary = path.with_extension(std::process::id().to_string());
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(&bytes))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_of_one_boot() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cloud");
        assert_eq!(read(&path, "a"), None);
        let cloud = Cloud { instance_id: "i-1".into(), ..Cloud::default() };
        write(&path, "a", &cloud);
        assert_eq!((read(&path, "a"), read(&path, "b")), (Some(cloud), None));
        fs::write(&path, b"\0\0\0\x01x").unwrap();
        assert_eq!(read(&path, "a"), None);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_is_not_there_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("none/cloud"), "a", &Cloud::default());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
