//! Whom an https request trusts: the authorities of the node, as its other programs do. `SSL_CERT_FILE` and its
//! like are not looked at: the agent's environment is that of a login and of sudo, not the node's.

use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Where distributions keep all authorities in one file: Debian and Alpine, Fedora and its kin, SUSE, and the
/// place that OpenSSL looks at by default.
pub const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No file.
    #[error(
        "the node knows no certificate authorities ({looked}); declare the package `ca-certificates` before"
    )]
    None {
        /// Where it was looked.
        looked: String,
    },
    /// A file that cannot be read.
    #[error("the certificate authorities of the node cannot be read from {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS library refuses it.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// What a connection needs, from the first of the files that is there. It is read each time: an earlier resource
/// may have added an authority.
pub fn config(bundles: &[impl AsRef<Path>]) -> Result<Arc<ClientConfig>, TrustError> {
    let looked = || bundles.iter().map(|path| path.as_ref().display().to_string()).collect::<Vec<_>>();
    for path in bundles {
        let path = path.as_ref();
        let pem = match fs::read(path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(TrustError::Read { path: path.display().to_string(), source }),
        };
        let mut roots = RootCertStore::empty();
        // What one program cannot read of a file that many maintain must not take the rest away.
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
        if roots.is_empty() {
            continue;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        return Ok(Arc::new(config));
    }
    Err(TrustError::None { looked: looked().join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_authorities_the_package_that_brings_them_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let empty = directory.path().join("empty.pem");
        fs::write(&empty, "# nobody\n").unwrap();
        let error = config(&[directory.path().join("missing.pem"), empty]).unwrap_err().to_string();
        assert!(error.contains("`ca-certificates`") && error.contains("empty.pem"), "{error}");
    }

    #[test]
    fn the_authorities_of_this_machine_are_read() {
        assert!(config(&BUNDLES).is_ok());
    }
}
