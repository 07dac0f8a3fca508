//! A POST of JSON.

use std::sync::LazyLock;

use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

use crate::PATIENCE;

static CLIENT: LazyLock<Agent> = LazyLock::new(|| {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .user_agent(concat!("engine/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build()
        .into()
});

/// Posts; an answer of 200 to 299 is a success. The error names the host alone.
pub(crate) fn post(url: &str, body: &str) -> Result<(), String> {
    let host = url
        .parse::<ureq::http::Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned))
        .ok_or("its URL is none")?;
    let sent = CLIENT.post(url).header("content-type", "application/json").send(body);
    match sent {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("{host} answered {}", answer.status())),
        Err(ureq::Error::StatusCode(status)) => Err(format!("{host} answered {status}")),
        Err(ureq::Error::Timeout(_)) => Err(format!("{host} did not answer within {} s", PATIENCE.as_secs())),
        Err(ureq::Error::Io(error)) => Err(format!("{host}: {error}")),
        Err(ureq::Error::HostNotFound) => Err(format!("{host} is not found")),
        Err(ureq::Error::Rustls(error)) => Err(format!("{host}: {error}")),
        // Others may speak of the URL.
        Err(_) => Err(format!("{host} could not be asked")),
    }
}
