use std::io::Cursor;

use flate2::{Compression, write::GzEncoder};
use zip::write::SimpleFileOptions;

use super::*;

fn contents() -> (tempfile::TempDir, Contents) {
    let directory = tempfile::tempdir().unwrap();
    let contents = Contents::new(directory.path().join("content"));
    contents.make().unwrap();
    (directory, contents)
}

fn header(size: usize, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(mode);
    header
}

fn tarball(path: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut named = header(3, 0o755);
    // What `Builder` itself would refuse.
    named.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    named.set_cksum();
    archive.append(&named, "one".as_bytes()).unwrap();
    let mut link = header(0, 0o777);
    link.set_entry_type(EntryType::Symlink);
    archive.append_link(&mut link, "shop/link", "bin/run").unwrap();
    archive.into_inner().unwrap()
}

fn shown(entries: &[TreeEntry]) -> Vec<String> {
    let show = |entry: &TreeEntry| match entry {
        TreeEntry::Directory { path } => format!("{path}/"),
        TreeEntry::File { path, size, executable, .. } => {
            format!("{path} {size}{}", if *executable { " x" } else { "" })
        }
        TreeEntry::Link { path, to } => format!("{path} -> {to}"),
    };
    entries.iter().map(show).collect()
}

fn unpacked(bytes: &[u8], strip: usize) -> Result<Vec<String>, ArchiveError> {
    let (directory, contents) = contents();
    let path = directory.path().join("archive");
    std::fs::write(&path, bytes).unwrap();
    unpack(&path, "u", strip, &contents).map(|entries| shown(&entries))
}

#[test]
fn tar_and_zip_are_unpacked_whatever_they_are_packed_with() {
    let plain = tarball("shop/bin/run");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&plain).unwrap();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("shop/bin/run", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(b"one").unwrap();
    zip.add_symlink("shop/link", "bin/run", SimpleFileOptions::default()).unwrap();
    for bytes in [plain, packed.finish().unwrap(), zip.finish().unwrap().into_inner()] {
        assert_eq!(unpacked(&bytes, 1).unwrap(), ["bin/", "bin/run 3 x", "link -> bin/run"]);
        let all = ["shop/", "shop/bin/", "shop/bin/run 3 x", "shop/link -> bin/run"];
        assert_eq!(unpacked(&bytes, 0).unwrap(), all);
        assert!(matches!(unpacked(&bytes, 5), Err(ArchiveError::Empty { strip: 5, .. })));
    }
}

#[test]
fn nothing_leads_out_of_an_archive() {
    for path in ["../run", "/etc/run", "a/../../run"] {
        assert!(matches!(unpacked(&tarball(path), 0), Err(ArchiveError::Outside { .. })), "{path}");
    }
    assert!(matches!(unpacked(b"no archive at all", 0), Err(ArchiveError::Unknown { .. })));
    let broken = &tarball("a")[..600];
    assert!(unpacked(broken, 0).is_err());
}

#[test]
fn an_archive_is_what_its_checksum_says() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.tar");
    std::fs::write(&file, "content").unwrap();
    let url = format!("file://{}", file.display());
    let downloads = directory.path().join("downloads");
    let wrong = fetch(&downloads, &url, &url, &"0".repeat(64));
    assert_eq!(kept(&downloads, &"0".repeat(64)), None);
    assert!(matches!(wrong, Err(ArchiveError::Checksum { .. })), "{wrong:?}");
    let right = ContentHash(Sha256::digest("content").into()).to_string();
    let fetched = fetch(&downloads, "what is shown", &url, &right).unwrap();
    assert_eq!(std::fs::read(&fetched).unwrap(), b"content");
    assert_eq!(kept(&downloads, &right), Some(fetched));
    assert_eq!(std::fs::read_dir(&downloads).unwrap().count(), 1);
}
