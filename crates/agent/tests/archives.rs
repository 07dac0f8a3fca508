//! Archives on a real file system. Those in `archives` were written by the usual programs, the others here.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use common::*;
use engine_protocol::{
    Action, Change, Mode, Resource, Spec, Status,
    resource::{ArchiveSpec, LineInFileSpec},
};
use proptest::prelude::*;
use tar::{EntryType, Header};

const KINDS: [&str; 5] = ["tool.tar", "tool.tar.gz", "tool.tar.xz", "tool.tar.zst", "tool.zip"];

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/archives").join(name)).unwrap()
}

fn archive(path: &Path, source: &Path, strip: u32) -> Resource {
    let (path, source) = (path.display().to_string(), source.display().to_string());
    let spec = ArchiveSpec { path: path.clone(), source, strip_components: strip, ..ArchiveSpec::default() };
    resource("archive", &path, Action::Extract, Spec::Archive(spec))
}

/// An entry of a tar archive: type, name, link or content, and mode.
type Piece<'a> = (EntryType, &'a str, &'a [u8], u32);

fn tar(pieces: &[Piece<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, data, mode) in pieces {
        let mut header = Header::new_gnu();
        // As a hostile archive has it: the builder's own functions refuse such names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_000_000);
        let content = if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.as_old_mut().linkname[..data.len()].copy_from_slice(data);
            &[]
        } else {
            *data
        };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A directory that is granted, with an archive beside what is to be unpacked to `out`.
struct Place {
    root: tempfile::TempDir,
    state: tempfile::TempDir,
}

impl Place {
    fn new(content: &[u8]) -> Self {
        let place = Self { root: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() };
        fs::write(place.source(), content).unwrap();
        place
    }

    fn source(&self) -> PathBuf {
        self.root.path().join("archive")
    }

    fn out(&self) -> PathBuf {
        self.root.path().join("out")
    }

    fn resource(&self, strip: u32) -> Resource {
        archive(&self.out(), &self.source(), strip)
    }

    fn run(&self, mode: Mode, resources: &[Resource]) -> Ran {
        converge(mode, collection(resources.to_vec(), self.root.path()), self.state.path())
    }

    /// Plans and applies, which must say the same, and applies again, which must change nothing.
    fn unpack(&self, resource: Resource) -> Vec<String> {
        let resources = [resource];
        let seen = |ran: Ran| (ran.outcomes[0].status.clone(), ran.outcomes[0].changes.clone());
        let (plan, apply) = (seen(self.run(Mode::Plan, &resources)), seen(self.run(Mode::Apply, &resources)));
        assert_eq!(plan, apply);
        let again = seen(self.run(Mode::Apply, &resources));
        assert_eq!(again, (Status::UpToDate, Vec::new()));
        let word =
            |change: Change| if let Change::Done { what } = change { what } else { panic!("{change:?}") };
        apply.1.into_iter().map(word).collect()
    }

    /// What a plan and a run say that must both fail and change nothing.
    fn refused(&self, strip: u32) -> String {
        let before = snapshot(self.root.path());
        let resources = [self.resource(strip)];
        let say = |mode| match &self.run(mode, &resources).outcomes[0].status {
            Status::Failed { error, .. } => error.clone(),
            status => panic!("{status:?}"),
        };
        let (plan, apply) = (say(Mode::Plan), say(Mode::Apply));
        assert_eq!(plan, apply);
        assert_eq!(snapshot(self.root.path()), before);
        let prefix = format!("the archive `{}`: ", self.source().display());
        apply.strip_prefix(&prefix).unwrap_or(&apply).to_owned()
    }
}

/// Kind, mode and content of all that is below a directory.
fn snapshot(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_path_buf()];
    while let Some(path) = left.pop() {
        let data = fs::symlink_metadata(&path).unwrap();
        let content = if data.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if data.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        let name = path.strip_prefix(root).unwrap().display().to_string();
        found.insert(name, (data.permissions().mode(), content));
    }
    found
}

#[test]
fn every_kind_of_archive_gives_the_same_tree_and_is_then_left_alone() {
    let mut trees = Vec::new();
    for kind in KINDS {
        let place = Place::new(&fixture(kind));
        let told = place.unpack(place.resource(1));
        let expected = "unpacked 9 of 9 entries: bin, bin/about, bin/t, bin/tool, bin/tool-1.2, …";
        assert_eq!(told, ["created", expected], "{kind}");
        let tool = fs::metadata(place.out().join("bin/tool")).unwrap();
        if kind != "tool.zip" {
            assert_eq!(tool.ino(), fs::metadata(place.out().join("bin/tool-1.2")).unwrap().ino());
            // 2020-01-02 03:04:05 UTC
            assert_eq!(tool.mtime(), 1_577_934_245, "{kind}");
        }
        trees.push(snapshot(&place.out()));
    }
    assert!(trees.iter().all(|tree| *tree == trees[0]));
    let mode = |name: &str| trees[0][name].0;
    assert_eq!(mode("bin/tool"), 0o100_755);
    assert_eq!(mode("share/about.txt"), 0o100_644, "the mask of permission bits holds");
    assert_eq!(mode("share/numbers"), 0o100_755, "no setuid bit comes from an archive");
    assert_eq!(mode("share/empty"), 0o040_750);
    assert_eq!(trees[0]["bin/about"].1, b"../share/about.txt");
}

#[test]
fn what_differs_is_replaced_and_the_rest_is_left_alone() {
    for kind in KINDS {
        let place = Place::new(&fixture(kind));
        place.unpack(place.resource(1));
        let out = place.out();
        let wanted = snapshot(&out);
        let about = fs::metadata(out.join("share/about.txt")).unwrap().ino();
        fs::write(out.join("share/numbers"), "short").unwrap();
        fs::set_permissions(out.join("share/about.txt"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(out.join("share/empty"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_file(out.join("bin/t")).unwrap();
        fs::write(out.join("bin/t"), "a file").unwrap();
        fs::remove_file(out.join("bin/tool")).unwrap();
        symlink("/etc/passwd", out.join("bin/tool")).unwrap();
        let told = place.unpack(place.resource(1));
        let hard = if kind == "tool.zip" { "" } else { "bin/tool-1.2, " };
        let count = if kind == "tool.zip" { 5 } else { 6 };
        let names = format!("bin/t, bin/tool, {hard}share/about.txt, share/empty, share/numbers");
        let named = names.split(", ").take(5).collect::<Vec<_>>().join(", ");
        let more = if count > 5 { ", …" } else { "" };
        assert_eq!(told, [format!("unpacked {count} of 9 entries: {named}{more}")], "{kind}");
        assert_eq!(snapshot(&out), wanted, "{kind}");
        assert_eq!(
            fs::metadata(out.join("share/about.txt")).unwrap().ino(),
            about,
            "its mode alone was changed"
        );
        fs::write(out.join("share/mine"), "").unwrap();
        fs::set_permissions(&out, fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(place.run(Mode::Apply, &[place.resource(1)]).statuses(), [(0, "up to date")]);
        assert!(out.join("share/mine").exists());
    }
}

#[test]
fn a_file_with_another_name_elsewhere_is_replaced_rather_than_written_through() {
    let place = Place::new(&tar(&[(EntryType::Regular, "a", b"new", 0o644)]));
    let outside = place.root.path().join("outside");
    fs::write(&outside, "new").unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(place.out()).unwrap();
    fs::hard_link(&outside, place.out().join("a")).unwrap();
    place.unpack(place.resource(0));
    assert_eq!(fs::metadata(&outside).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(place.out().join("a")).unwrap().mode() & 0o777, 0o644);
}

#[test]
fn entries_that_lead_outside_are_refused_and_nothing_is_unpacked() {
    use EntryType as T;
    let good: Piece<'_> = (T::Regular, "good", b"x", 0o644);
    for (piece, words) in [
        ((T::Regular, "/etc/evil", b"x".as_slice(), 0o644), "`/etc/evil` has an absolute path"),
        ((T::Regular, "../evil", b"x", 0o644), "`../evil` has `..` in its path"),
        ((T::Regular, "a/../../evil", b"x", 0o644), "has `..` in its path"),
        ((T::Directory, "..", b"", 0o755), "has `..` in its path"),
        ((T::Symlink, "l", b"/etc", 0o777), "`l` is a link to `/etc`"),
        ((T::Symlink, "a/l", b"../../etc", 0o777), "is a link to `../../etc`"),
        ((T::Symlink, "l", b"a/../..", 0o777), "is a link to `a/../..`"),
        ((T::Link, "h", b"/etc/passwd", 0o644), "`h` has an absolute path"),
        ((T::Link, "h", b"../passwd", 0o644), "`h` has `..` in its path"),
        (
            (T::Link, "h", b"no-such", 0o644),
            "`h` is a hard link to `no-such`, which is no file of the archive",
        ),
        ((T::Char, "tty", b"", 0o666), "is neither a file nor a directory nor a link"),
        ((T::Block, "sda", b"", 0o666), "is neither a file nor a directory nor a link"),
        ((T::Fifo, "pipe", b"", 0o666), "is neither a file nor a directory nor a link"),
    ] {
        let error = Place::new(&tar(&[good, piece])).refused(0);
        assert!(error.contains(words) && error.ends_with("nothing was unpacked"), "{error}");
    }
}

#[test]
fn nothing_is_written_through_links_of_the_archive_or_of_anybody_else() {
    use EntryType as T;
    let outside = tempfile::tempdir().unwrap();
    // A link of the archive's own, before and after what is to go through it.
    let link: Piece<'_> = (T::Symlink, "a", b"b", 0o777);
    let through: Piece<'_> = (T::Regular, "a/x", b"x", 0o644);
    for pieces in [[link, through], [through, link]] {
        let error = Place::new(&tar(&pieces)).refused(0);
        assert!(
            error.contains("its entry `a/x` lies below `a`, which is no directory in the archive"),
            "{error}"
        );
    }
    // One that is there, with everything granted: where a directory is to be, and where one is implied.
    for pieces in [vec![through], vec![(T::Directory, "a", b"".as_slice(), 0o755), through]] {
        let place = Place::new(&tar(&pieces));
        fs::create_dir(place.out()).unwrap();
        symlink(outside.path(), place.out().join("a")).unwrap();
        let mut all = collection(vec![place.resource(0)], place.root.path());
        all.grants[0].grants.files = vec!["/**".into()];
        let ran = converge(Mode::Apply, all, place.state.path());
        let Status::Failed { error, .. } = &ran.outcomes[0].status else { panic!("{:?}", ran.outcomes) };
        assert!(error.contains("symbolic link"), "{error}");
    }
    // A link in place of a file is replaced, and what it points to is not.
    let place = Place::new(&tar(&[(T::Regular, "a", b"new", 0o644)]));
    fs::write(outside.path().join("target"), "old").unwrap();
    fs::create_dir(place.out()).unwrap();
    symlink(outside.path().join("target"), place.out().join("a")).unwrap();
    place.unpack(place.resource(0));
    assert_eq!(fs::read_to_string(outside.path().join("target")).unwrap(), "old");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn of_several_entries_of_one_path_the_last_counts() {
    use EntryType as T;
    let pieces: [Piece<'_>; 4] = [
        (T::Regular, "a", b"first", 0o644),
        (T::Symlink, "b", b"a", 0o777),
        (T::Regular, "a", b"last", 0o600),
        (T::Regular, "b", b"file", 0o644),
    ];
    let place = Place::new(&tar(&pieces));
    place.unpack(place.resource(0));
    assert_eq!(fs::read_to_string(place.out().join("a")).unwrap(), "last");
    assert!(fs::symlink_metadata(place.out().join("b")).unwrap().is_file());
}

#[test]
fn a_file_gives_way_to_a_directory_but_a_directory_to_nothing() {
    use EntryType as T;
    let place = Place::new(&tar(&[(T::Directory, "a", b"", 0o755), (T::Regular, "a/x", b"x", 0o644)]));
    fs::create_dir(place.out()).unwrap();
    fs::write(place.out().join("a"), "x").unwrap();
    place.unpack(place.resource(0));
    let place = Place::new(&tar(&[(T::Regular, "a", b"x", 0o644)]));
    fs::create_dir_all(place.out().join("a")).unwrap();
    assert!(place.refused(0).ends_with("/out/a` is a directory, not a file; remove it first"));
}

#[test]
fn what_is_no_archive_or_damaged_is_said_so() {
    let gzip = |content: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    for (content, words) in [
        (b"".to_vec(), "it is empty"),
        (b"hello, world".to_vec(), "it is of no kind that can be read; a tar archive"),
        (gzip(b"hello"), "what is in it with gzip is no tar archive"),
        (b"BZh91AY".to_vec(), "it is bzip2, which cannot be read"),
    ] {
        let error = Place::new(&content).refused(0);
        assert!(error.starts_with(words), "{error}");
    }
    for kind in KINDS {
        let whole = fixture(kind);
        for cut in [whole.len() / 2, whole.len() - 1] {
            // The end of a plain archive is nothing but zeros, and nobody misses one.
            if kind == "tool.tar" && cut > whole.len() / 2 {
                continue;
            }
            let error = Place::new(&whole[..cut]).refused(1);
            assert!(error.starts_with("it is damaged or incomplete: "), "{kind}, {cut}: {error}");
        }
        if kind != "tool.tar" {
            let mut flipped = whole.clone();
            // In a zip archive, a third of it is the content of `numbers`.
            flipped[whole.len() / 3] ^= 0xff;
            let error = Place::new(&flipped).refused(1);
            assert!(error.starts_with("it is damaged or incomplete: "), "{kind}: {error}");
        }
    }
}

#[test]
fn bombs_are_stopped_before_anything_is_written() {
    // A petabyte, says the header.
    let mut huge = Header::new_gnu();
    huge.set_path("huge").unwrap();
    huge.set_entry_type(EntryType::Regular);
    huge.set_size(1 << 50);
    huge.set_cksum();
    let mut content = huge.as_bytes().to_vec();
    content.extend([0; 1024]);
    let error = Place::new(&content).refused(0);
    assert!(
        error.starts_with("it has more than 68719476736 bytes of content, which is the limit"),
        "{error}"
    );
    // A name of two megabytes.
    let mut long = Header::new_gnu();
    long.set_entry_type(EntryType::GNULongName);
    long.set_size(2 << 20);
    long.set_cksum();
    let mut content = long.as_bytes().to_vec();
    content.extend(vec![b'a'; 2 << 20]);
    content.extend(tar(&[(EntryType::Regular, "a", b"", 0o644)]));
    let error = Place::new(&content).refused(0);
    assert!(error.contains("the header of an entry is too long"), "{error}");
}

#[test]
fn what_the_disk_has_no_room_for_is_not_begun() {
    let script = "mkdir \"$1/disk\"; mount -t tmpfs -o size=64k none \"$1/disk\"";
    let body = |directory: &Path| {
        let (disk, state) = (directory.join("disk"), tempfile::tempdir().unwrap());
        let content = vec![b'x'; 40_000];
        let pieces: [Piece<'_>; 2] =
            [(EntryType::Regular, "a", &content, 0o644), (EntryType::Regular, "b", &content, 0o644)];
        fs::write(directory.join("archive"), tar(&pieces)).unwrap();
        let resource = archive(&disk.join("out"), &directory.join("archive"), 0);
        for mode in [Mode::Plan, Mode::Apply] {
            let ran = converge(mode, collection(vec![resource.clone()], directory), state.path());
            let Status::Failed { error, .. } = &ran.outcomes[0].status else { panic!("{:?}", ran.outcomes) };
            assert!(error.contains("needs more than the 65536 bytes that the file system has"), "{error}");
            assert_eq!(fs::read_dir(&disk).unwrap().count(), 0);
        }
    };
    with_mounts("what_the_disk_has_no_room_for_is_not_begun", script, |_| {}, body);
}

#[test]
fn plans_see_archives_and_their_content_that_are_not_there_yet() {
    let place = Place::new(b"");
    fs::remove_file(place.source()).unwrap();
    let source = place.source().display().to_string();
    let about = place.out().join("share/about.txt").display().to_string();
    let line = LineInFileSpec { path: about.clone(), line: "More.".into(), ..LineInFileSpec::default() };
    let resources = [
        file(&source, &fixture("tool.tar.gz")),
        place.resource(1),
        resource("line_in_file", "more", Action::Create, Spec::LineInFile(line)),
        link(&place.out().join("bin/t").display().to_string(), "tool"),
    ];
    let seen = |ran: Ran| -> Vec<_> {
        ran.outcomes.into_iter().map(|outcome| (outcome.status, outcome.changes)).collect()
    };
    let plan = seen(place.run(Mode::Plan, &resources));
    assert_eq!(plan[3].0, Status::UpToDate);
    assert!(!place.out().exists());
    assert_eq!(plan, seen(place.run(Mode::Apply, &resources)));
    assert_eq!(fs::read_to_string(about).unwrap(), "About.\nMore.\n");
}

#[test]
fn what_cannot_be_foreseen_is_unknown() {
    let content = vec![b'x'; 100_000];
    let place = Place::new(&tar(&[(EntryType::Regular, "large", &content, 0o644)]));
    let large = place.out().join("large").display().to_string();
    let ran = place.run(Mode::Plan, &[place.resource(0), file(&large, b"other")]);
    assert_eq!(ran.statuses(), [(0, "changed"), (1, "unknown")]);
    let Status::Unknown { because } = &ran.outcomes[1].status else { panic!() };
    assert_eq!(*because, format!("archive[{}]", place.out().display()));
    fs::remove_file(place.source()).unwrap();
    assert!(place.refused(0).starts_with("it does not exist; declare what brings it before"));
    let ran = place.run(Mode::Plan, &[execute(&["true"]), place.resource(0)]);
    assert_eq!(ran.statuses(), [(0, "changed"), (1, "unknown")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_archives_are_unpacked_whole_or_not_at_all(
        kind in 0..KINDS.len(), at in any::<prop::sample::Index>(), byte in 1u8..=255, cut: bool,
    ) {
        let mut content = fixture(KINDS[kind]);
        let at = at.index(content.len());
        if cut { content.truncate(at) } else { content[at] ^= byte }
        let place = Place::new(&content);
        let ran = place.run(Mode::Apply, &[place.resource(1)]);
        match &ran.outcomes[0].status {
            Status::Changed => {
                let again = place.run(Mode::Apply, &[place.resource(1)]);
                prop_assert_eq!(&again.outcomes[0].status, &Status::UpToDate);
            }
            _ => prop_assert!(!place.out().exists()),
        }
    }
}
