//! Compiled code is kept, and never loaded if there is any doubt about it.

mod support;

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use engine_runtime::{Cache, CacheError, EntryState};
use support::*;

fn guest(path: &str) -> Guest {
    Guest::new("web").recipe("default", |g| g.file(path, "") + "(i32.const 0)")
}

/// A place for a cache and one cookbook, and a kitchen that has loaded it into the cache.
fn cached() -> (PathBuf, Kitchen) {
    let mut kitchen = Kitchen::new(limits());
    let place = kitchen.directory.path().join("parent/cache");
    kitchen.add("web", &guest("/a").packed(), everything());
    kitchen.load(Some(&Cache::open(&place).unwrap())).unwrap();
    (place, kitchen)
}

/// Loads anew, with a cache opened anew, and sees that the cookbook works.
fn load(place: &Path, kitchen: &mut Kitchen) {
    kitchen.load(Some(&Cache::open(place).unwrap())).unwrap();
    assert_eq!(kitchen.evaluate(&["web"]).unwrap().resources.len(), 1);
}

fn entries(place: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = all.filter(|path| !path.ends_with("key")).collect();
    all.sort();
    all
}

/// An entry that is written appears under another inode or with another time.
fn identity(path: &Path) -> (u64, i64, i64) {
    let status = std::fs::symlink_metadata(path).unwrap();
    (status.ino(), status.mtime(), status.mtime_nsec())
}

fn not_private(place: &Path) -> String {
    let error = Cache::open(place).unwrap_err();
    assert!(matches!(error, CacheError::NotPrivate { .. }), "{error}");
    error.to_string().replace(place.to_str().unwrap(), "CACHE")
}

#[test]
fn the_second_load_comes_from_the_cache() {
    let (place, mut kitchen) = cached();
    let [entry] = entries(&place).try_into().unwrap();
    let before = identity(&entry);
    load(&place, &mut kitchen);
    assert_eq!(identity(&entry), before, "it was compiled and written again");
    for path in [&place, &place.join("key"), &entry] {
        assert_eq!(std::fs::metadata(path).unwrap().mode() & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn other_settings_have_an_entry_of_their_own() {
    let (place, kitchen) = cached();
    let memory_bytes = 32 * 1024 * 1024;
    let mut other = Kitchen::new(engine_runtime::EvaluationLimits { memory_bytes, ..limits() });
    other.references.clone_from(&kitchen.references);
    load(&place, &mut other);
    assert_eq!(entries(&place).len(), 2);
    let listed = Cache::open(&place).unwrap().entries(&kitchen.runtime).unwrap();
    assert_eq!(listed.iter().filter(|entry| entry.compatible).count(), 1);
}

#[test]
fn an_altered_entry_is_compiled_again() {
    let (place, mut kitchen) = cached();
    let [entry] = entries(&place).try_into().unwrap();
    let good = std::fs::read(&entry).unwrap();
    for position in [0, 31, 32, 33, good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[position] ^= 1;
        std::fs::write(&entry, bad).unwrap();
        load(&place, &mut kitchen);
        let cache = Cache::open(&place).unwrap();
        let listed = cache.entries(&kitchen.runtime).unwrap();
        assert_eq!(cache.verify(&listed[0]), EntryState::Intact, "not repaired: byte {position}");
    }
    for length in [0, 1, 31, 32, 33, good.len() / 2, good.len() - 1] {
        std::fs::write(&entry, &good[..length]).unwrap();
        load(&place, &mut kitchen);
        assert_eq!(std::fs::metadata(&entry).unwrap().len(), good.len() as u64);
    }
    let longer = [good.as_slice(), b"x"].concat();
    std::fs::write(&entry, longer).unwrap();
    load(&place, &mut kitchen);
    assert_eq!(std::fs::metadata(&entry).unwrap().len(), good.len() as u64);
}

#[test]
fn an_entry_of_another_component_is_not_loaded() {
    let (place, mut kitchen) = cached();
    let [first] = entries(&place).try_into().unwrap();
    std::fs::write(kitchen.path("web"), guest("/other").packed()).unwrap();
    kitchen.load(Some(&Cache::open(&place).unwrap())).unwrap();
    let second = entries(&place).into_iter().find(|path| *path != first).unwrap();
    std::fs::copy(&first, &second).unwrap();
    let cache = Cache::open(&place).unwrap();
    let states: Vec<_> =
        cache.entries(&kitchen.runtime).unwrap().iter().map(|entry| cache.verify(entry)).collect();
    assert!(states.contains(&EntryState::Tampered));
    kitchen.load(Some(&cache)).unwrap();
    let collection = kitchen.evaluate(&["web"]).unwrap();
    assert_eq!(collection.resources[0].to_string(), "file[/other]");
}

#[test]
fn an_entry_made_with_another_key_is_not_loaded() {
    let (place, mut kitchen) = cached();
    let [entry] = entries(&place).try_into().unwrap();
    let before = identity(&entry);
    std::fs::write(place.join("key"), [7; 32]).unwrap();
    load(&place, &mut kitchen);
    assert_ne!(identity(&entry), before);
}

#[test]
fn a_damaged_key_is_replaced() {
    let (place, mut kitchen) = cached();
    let key = place.join("key");
    for damage in [&b""[..], b"short", &[1; 33]] {
        std::fs::write(&key, damage).unwrap();
        load(&place, &mut kitchen);
        assert_eq!(std::fs::read(&key).unwrap().len(), 32);
    }
    std::fs::remove_file(&key).unwrap();
    symlink("/etc/hostname", &key).unwrap();
    load(&place, &mut kitchen);
    assert!(key.symlink_metadata().unwrap().is_file());
    assert_eq!(entries(&place).len(), 1, "something temporary was left");
}

#[test]
fn a_symbolic_link_is_no_entry() {
    let (place, mut kitchen) = cached();
    let [entry] = entries(&place).try_into().unwrap();
    let elsewhere = kitchen.directory.path().join("elsewhere");
    std::fs::rename(&entry, &elsewhere).unwrap();
    symlink(&elsewhere, &entry).unwrap();
    load(&place, &mut kitchen);
    assert!(entry.symlink_metadata().unwrap().is_file(), "the link was not replaced");
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let (place, _kitchen) = cached();
    std::fs::set_permissions(&place, PermissionsExt::from_mode(0o755)).unwrap();
    insta::assert_snapshot!(not_private(&place), @"CACHE is not private (its mode is 0755, not 0700); remove it or choose another with --cache-dir");
}

#[test]
fn a_link_to_a_directory_is_refused() {
    let (place, kitchen) = cached();
    let link = kitchen.directory.path().join("link");
    symlink(&place, &link).unwrap();
    insta::assert_snapshot!(not_private(&link), @"CACHE is not private (it is not a directory, or a symbolic link); remove it or choose another with --cache-dir");
    let file = kitchen.directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    insta::assert_snapshot!(not_private(&file), @"CACHE is not private (it is not a directory, or a symbolic link); remove it or choose another with --cache-dir");
}

#[test]
fn a_directory_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (place, _kitchen) = cached();
    std::os::unix::fs::chown(&place, Some(65534), None).unwrap();
    insta::assert_snapshot!(not_private(&place), @"CACHE is not private (it belongs to user 65534, not to 0); remove it or choose another with --cache-dir");
}

#[test]
fn many_share_a_directory_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("cache");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut kitchen = Kitchen::new(limits());
                kitchen.add("web", &guest("/a").packed(), everything());
                for _ in 0..5 {
                    load(&place, &mut kitchen);
                }
            });
        }
    });
    let [entry] = entries(&place).try_into().expect("something temporary was left");
    let before = identity(&entry);
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &guest("/a").packed(), everything());
    load(&place, &mut kitchen);
    assert_eq!(identity(&entry), before, "what all agreed on is not loaded");
}

#[test]
fn a_cache_that_cannot_be_written_to_is_no_error() {
    let (place, mut kitchen) = cached();
    let cache = Cache::open(&place).unwrap();
    std::fs::remove_dir_all(&place).unwrap();
    kitchen.load(Some(&cache)).unwrap();
    assert_eq!(kitchen.evaluate(&["web"]).unwrap().resources.len(), 1);
}

#[test]
fn entries_are_listed_verified_and_removed() {
    let (place, kitchen) = cached();
    let cache = Cache::open(&place).unwrap();
    std::fs::write(place.join("note.txt"), "not ours").unwrap();
    let [entry] = cache.entries(&kitchen.runtime).unwrap().try_into().unwrap();
    let digest = kitchen.runtime.cookbook("web").unwrap().digest.to_hex().to_string();
    assert_eq!((entry.component.as_str(), entry.compatible), (digest.as_str(), true));
    assert!(entry.bytes > 1000 && entry.age().as_secs() < 600);
    assert_eq!(cache.verify(&entry), EntryState::Intact);
    cache.remove(&entry).unwrap();
    assert!(cache.entries(&kitchen.runtime).unwrap().is_empty());
    assert_eq!(cache.verify(&entry), EntryState::Tampered);
    assert!(cache.remove(&entry).is_err());
    assert!(place.join("note.txt").exists());
}
