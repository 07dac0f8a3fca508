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
        crate::WIT_VERSION
    )]
    WitVersion {
        /// The version that the component imports or says in its metadata.
        found: String,
    },
    /// The component does not export what makes it a cookbook.
    #[error("the component does not export `engine:cookbook/recipes@{}`", crate::WIT_VERSION)]
    NoRecipes,
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
    let metadata = serde_json::to_vec(metadata)?;
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
    let mut depth = 0_u32;
    let mut ours = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => depth -= 1,
            Payload::CustomSection(section)
                if depth == 0 && [METADATA_SECTION, BUNDLE_SECTION].contains(&section.name()) =>
            {
                let range = section.range();
                let (start, end) = (index(range.start), index(range.end));
                let mut header = vec![wasm_encoder::SectionId::Custom as u8];
                (end - start).encode(&mut header);
                ours.push(start - header.len()..end);
            }
            _ => {}
        }
    }
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

/// Reads what a cookbook's file says of itself, and checks that it is whole.
pub fn read(component: &[u8]) -> Result<Package, PackageError> {
    check_preamble(component)?;
    let mut metadata = None;
    let mut bundle = None;
    let mut imports = Vec::new();
    let mut recipes = false;
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export?;
                    recipes |= export.kind == ComponentExternalKind::Instance
                        && versioned(export.name.name).is_some_and(|(interface, _)| interface == "recipes");
                }
            }
            Payload::CustomSection(section) if depth == 0 && section.name() == METADATA_SECTION => {
                take(&mut metadata, METADATA_SECTION, section.data(), MAXIMUM_METADATA_BYTES)?;
            }
            Payload::CustomSection(section) if depth == 0 && section.name() == BUNDLE_SECTION => {
                take(&mut bundle, BUNDLE_SECTION, section.data(), MAXIMUM_BUNDLE_BYTES)?;
            }
            _ => {}
        }
    }
    if let Some((_, found)) = imports
        .iter()
        .filter_map(|import| versioned(import))
        .find(|(_, version)| *version != crate::WIT_VERSION)
    {
        return Err(PackageError::WitVersion { found: found.to_owned() });
    }
    let metadata: Metadata = serde_json::from_slice(metadata.ok_or(PackageError::NoMetadata)?)?;
    metadata.validate()?;
    if metadata.wit.to_string() != crate::WIT_VERSION {
        return Err(PackageError::WitVersion { found: metadata.wit.to_string() });
    }
    if !recipes {
        return Err(PackageError::NoRecipes);
    }
    let bundle = bundle.map_or_else(|| Ok(Bundle::default()), Bundle::from_archive)?;
    Ok(Package { metadata, bundle, imports })
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
