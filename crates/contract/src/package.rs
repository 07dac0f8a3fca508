//! A cookbook as one file: a component with two custom sections added at its end.
//!
//! `engine:metadata` is JSON; `engine:bundle` is a tar archive (no times, no owners) of the
//! cookbook's `templates` and `files`. Both are read without compiling or running anything.

use std::{collections::BTreeMap, io::Read as _};

use wasm_encoder::{Encode as _, Section as _};
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use crate::metadata::{Metadata, MetadataError};

/// Name of the custom section with the metadata.
pub const METADATA_SECTION: &str = "engine:metadata";
/// Name of the custom section with templates and files.
pub const BUNDLE_SECTION: &str = "engine:bundle";
/// Longest metadata section, in bytes.
pub const MAXIMUM_METADATA_BYTES: usize = 1024 * 1024;
/// Largest bundle section, in bytes. It is not compressed, so nothing unfolds beyond its size.
pub const MAXIMUM_BUNDLE_BYTES: usize = 64 * 1024 * 1024;

const PACKAGE: &str = "engine:cookbook/";

/// What a cookbook's file says without being run.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// The metadata.
    pub metadata: Metadata,
    /// Templates and files.
    pub bundle: Bundle,
    /// Every interface the component imports, as it writes it: `engine:cookbook/files@0.1.0`.
    pub imports: Vec<String>,
    /// Version of the contract that it is built against.
    pub wit: String,
}

/// Templates and files of a cookbook, by path: `templates/site.conf`, `files/logo.png`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    entries: BTreeMap<String, Vec<u8>>,
}

/// Why a file is not a cookbook.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It does not begin as WebAssembly does.
    #[error("this is not WebAssembly: the file begins with other bytes than `\\0asm`")]
    NotWasm,
    /// It is WebAssembly, but a core module.
    #[error(
        "this is a core WebAssembly module, not a component; link it with `wasm-component-ld` or wrap it with `wasm-tools component new`"
    )]
    NotComponent,
    /// It ends too early or its structure is broken.
    #[error("the component is damaged or truncated: {0}")]
    Malformed(#[from] wasmparser::BinaryReaderError),
    /// There is no metadata.
    #[error("the component has no `engine:metadata` section; make the cookbook with `engine cookbook build`")]
    NoMetadata,
    /// A section that may be there once is there twice.
    #[error("the section `{0}` is there twice")]
    Twice(&'static str),
    /// A section is too large.
    #[error("the section `{section}` has {length} bytes; {limit} are allowed")]
    TooLarge {
        /// Its name.
        section: &'static str,
        /// Its length in bytes.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The metadata is not what it should be.
    #[error("the metadata cannot be read: {0}")]
    MetadataSyntax(#[from] serde_json::Error),
    /// The metadata is not what it should be.
    #[error("the metadata is wrong: {0}")]
    Metadata(#[from] MetadataError),
    /// The bundle is not what it should be.
    #[error("the bundle cannot be read: {0}")]
    Bundle(#[from] BundleError),
    /// It speaks another version of the contract.
    #[error(
        "the component is built against engine:cookbook@{found}, and this engine speaks {}; rebuild the cookbook or use another engine",
        crate::WIT_VERSIONS.join(" and ")
    )]
    WitVersion {
        /// The version that the component speaks, or says in its metadata.
        found: String,
    },
    /// It speaks more than one version of the contract.
    #[error(
        "the component speaks engine:cookbook@{0} and engine:cookbook@{1}; build all of it against one version"
    )]
    WitVersions(String, String),
    /// The component does not export what makes it a cookbook.
    #[error("the component does not export `engine:cookbook/recipes@{}`", crate::WIT_VERSION)]
    NoRecipes,
    /// Its metadata has resources, and the component none.
    #[error(
        "its metadata names resources of its own, but the component does not export `engine:cookbook/custom-resources@{}`",
        crate::WIT_VERSION
    )]
    NoCustomResources,
    /// The component has resources that its metadata does not name.
    #[error("the component exports resources of its own, but its metadata names none under [resources]")]
    UnnamedResources,
}

/// Why an archive is not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is no tar archive.
    #[error("{0}")]
    Archive(#[from] std::io::Error),
    /// An entry's path leads out of the bundle or is no text.
    #[error("the path `{0}` is not allowed: entries are regular files below `templates/` or `files/`")]
    Path(String),
    /// An entry is there twice.
    #[error("the path `{0}` is there twice")]
    Twice(String),
}

impl Bundle {
    /// Adds a file. The path must be below `templates/` or `files/`.
    pub fn insert(&mut self, path: &str, content: Vec<u8>) -> Result<(), BundleError> {
        let below = path.strip_prefix("templates/").or_else(|| path.strip_prefix("files/"));
        let good = below.is_some_and(|rest| {
            rest.split('/').all(|part| !matches!(part, "" | "." | "..")) && !rest.contains(['\0', '\\'])
        });
        if !good {
            return Err(BundleError::Path(path.to_owned()));
        }
        match self.entries.insert(path.to_owned(), content) {
            None => Ok(()),
            Some(_) => Err(BundleError::Twice(path.to_owned())),
        }
    }

    /// The content at a path.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.entries.get(path).map(Vec::as_slice)
    }

    /// All paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    fn to_archive(&self) -> Result<Vec<u8>, BundleError> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            archive.append_data(&mut header, path, content.as_slice())?;
        }
        Ok(archive.into_inner()?)
    }

    fn from_archive(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut bundle = Bundle::default();
        for entry in tar::Archive::new(bytes).entries()? {
            let mut entry = entry?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if entry.header().entry_type() != tar::EntryType::Regular {
                return Err(BundleError::Path(path));
            }
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            bundle.insert(&path, content)?;
        }
        Ok(bundle)
    }
}

/// Puts metadata and bundle into a component, replacing those that it has.
pub fn pack(component: &[u8], metadata: &Metadata, bundle: &Bundle) -> Result<Vec<u8>, PackageError> {
    metadata.validate()?;
    let mut packed = without_sections(component)?;
    let version = Interfaces::of(&packed)?.version()?.ok_or(PackageError::NoRecipes)?;
    let wit: semver::Version =
        version.parse().map_err(|_| PackageError::WitVersion { found: version.clone() })?;
    if let Some(said) = metadata.wit.as_ref().filter(|said| **said != wit) {
        return Err(PackageError::WitVersions(version, said.to_string()));
    }
    let metadata = serde_json::to_vec(&Metadata { wit: Some(wit), ..metadata.clone() })?;
    // The metadata comes last and must be there: so a file that was cut anywhere is noticed.
    append_section(&mut packed, BUNDLE_SECTION, &bundle.to_archive()?);
    append_section(&mut packed, METADATA_SECTION, &metadata);
    read(&packed)?;
    Ok(packed)
}

fn append_section(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let section = wasm_encoder::CustomSection { name: name.into(), data: data.into() };
    component.push(section.id());
    section.encode(component);
}

/// The component without our two sections. Only sections at the top level are looked at.
fn without_sections(component: &[u8]) -> Result<Vec<u8>, PackageError> {
    check_preamble(component)?;
    let mut kept = component.to_vec();
    let mut ours = Vec::new();
    each_section(component, |payload| {
        if let Payload::CustomSection(section) = payload
            && [METADATA_SECTION, BUNDLE_SECTION].contains(&section.name())
        {
            let range = section.range();
            let (start, end) = (index(range.start), index(range.end));
            let mut header = vec![wasm_encoder::SectionId::Custom as u8];
            (end - start).encode(&mut header);
            ours.push(start - header.len()..end);
        }
        Ok(())
    })?;
    for range in ours.into_iter().rev() {
        kept.drain(range);
    }
    Ok(kept)
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("the component is in memory")
}

fn check_preamble(component: &[u8]) -> Result<(), PackageError> {
    if !component.starts_with(b"\0asm") {
        return Err(PackageError::NotWasm);
    }
    match Parser::new(0).parse_all(component).next() {
        Some(Ok(Payload::Version { encoding: Encoding::Component, .. })) => Ok(()),
        Some(Ok(_)) => Err(PackageError::NotComponent),
        Some(Err(error)) => Err(error.into()),
        None => Err(PackageError::NotWasm),
    }
}

/// What a component imports and exports at its top level.
#[derive(Debug, Default)]
struct Interfaces {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Interfaces {
    fn of(component: &[u8]) -> Result<Self, PackageError> {
        let mut interfaces = Interfaces::default();
        each_section(component, |payload| interfaces.note(payload))?;
        Ok(interfaces)
    }

    fn note(&mut self, payload: &Payload<'_>) -> Result<(), PackageError> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Instance {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The version of the contract that all of it speaks.
    fn version(&self) -> Result<Option<String>, PackageError> {
        let mut versions =
            self.imports.iter().chain(&self.exports).filter_map(|name| versioned(name)).map(|(_, of)| of);
        let Some(first) = versions.next() else { return Ok(None) };
        if let Some(other) = versions.find(|version| *version != first) {
            return Err(PackageError::WitVersions(first.to_owned(), other.to_owned()));
        }
        if !crate::WIT_VERSIONS.contains(&first) {
            return Err(PackageError::WitVersion { found: first.to_owned() });
        }
        Ok(Some(first.to_owned()))
    }

    fn exports(&self, interface: &str) -> bool {
        self.exports.iter().any(|export| versioned(export).is_some_and(|(name, _)| name == interface))
    }
}

/// Calls with each section at the top level.
fn each_section<'a>(
    component: &'a [u8],
    mut call: impl FnMut(&Payload<'a>) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => depth -= 1,
            _ if depth == 0 => call(&payload)?,
            _ => {}
        }
    }
    Ok(())
}

/// Reads what a cookbook's file says of itself, and checks that it is whole.
pub fn read(component: &[u8]) -> Result<Package, PackageError> {
    check_preamble(component)?;
    let mut metadata = None;
    let mut bundle = None;
    let mut interfaces = Interfaces::default();
    each_section(component, |payload| {
        match payload {
            Payload::CustomSection(section) if section.name() == METADATA_SECTION => {
                take(&mut metadata, METADATA_SECTION, section.data(), MAXIMUM_METADATA_BYTES)?;
            }
            Payload::CustomSection(section) if section.name() == BUNDLE_SECTION => {
                take(&mut bundle, BUNDLE_SECTION, section.data(), MAXIMUM_BUNDLE_BYTES)?;
            }
            _ => {}
        }
        interfaces.note(payload)
    })?;
    let version = interfaces.version()?;
    let metadata: Metadata = serde_json::from_slice(metadata.ok_or(PackageError::NoMetadata)?)?;
    metadata.validate()?;
    let version = version.filter(|_| interfaces.exports("recipes")).ok_or(PackageError::NoRecipes)?;
    match &metadata.wit {
        Some(said) if said.to_string() == version => {}
        Some(said) => return Err(PackageError::WitVersions(version, said.to_string())),
        None => return Err(PackageError::WitVersion { found: "no version".to_owned() }),
    }
    match (metadata.resources.is_empty(), interfaces.exports("custom-resources")) {
        (false, false) => return Err(PackageError::NoCustomResources),
        (true, true) => return Err(PackageError::UnnamedResources),
        _ => {}
    }
    let bundle = bundle.map_or_else(|| Ok(Bundle::default()), Bundle::from_archive)?;
    Ok(Package { metadata, bundle, imports: interfaces.imports, wit: version })
}

fn take<'a>(
    place: &mut Option<&'a [u8]>,
    section: &'static str,
    data: &'a [u8],
    limit: usize,
) -> Result<(), PackageError> {
    if data.len() > limit {
        return Err(PackageError::TooLarge { section, length: data.len(), limit });
    }
    match place.replace(data) {
        None => Ok(()),
        Some(_) => Err(PackageError::Twice(section)),
    }
}

/// Interface and version of a name in the package `engine:cookbook`.
fn versioned(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

impl Package {
    /// The capabilities that the component imports, in their order in the WIT files.
    pub fn imported_capabilities(&self) -> Vec<&'static str> {
        crate::definition::capabilities()
            .into_iter()
            .filter(|capability| {
                self.imports
                    .iter()
                    .any(|import| versioned(import).is_some_and(|(interface, _)| interface == *capability))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_component_is_said_so() {
        assert!(matches!(read(b"hello"), Err(PackageError::NotWasm)));
        assert!(matches!(read(b""), Err(PackageError::NotWasm)));
        assert!(matches!(read(b"\0asm\x01\0\0\0"), Err(PackageError::NotComponent)));
        assert!(matches!(read(b"\0asm\x0d\0\x01\0"), Err(PackageError::NoMetadata)));
        assert!(matches!(read(b"\0asm\x0d\0"), Err(PackageError::Malformed(_))));
    }

    #[test]
    fn a_bundle_comes_back_as_it_went_and_is_the_same_bytes_each_time() {
        let mut bundle = Bundle::default();
        bundle.insert("templates/a/b.conf", b"x".to_vec()).unwrap();
        bundle.insert("files/logo", vec![0, 255]).unwrap();
        let archive = bundle.to_archive().unwrap();
        assert_eq!(archive, bundle.to_archive().unwrap());
        assert_eq!(Bundle::from_archive(&archive).unwrap(), bundle);
    }

    #[test]
    fn a_bundle_path_cannot_lead_out() {
        for path in
            ["../x", "templates/../x", "/etc/passwd", "templates/", "other/x", "files//x", "files/./x"]
        {
            assert!(Bundle::default().insert(path, Vec::new()).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_package_or_an_error(bytes: Vec<u8>) {
            let _ = read(&bytes);
            let mut component = b"\0asm\x0d\0\x01\0".to_vec();
            component.extend(bytes);
            let _ = read(&component);
        }
    }
}
