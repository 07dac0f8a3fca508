//! How the commands that connect do so.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use engine_manifest::Manifest;
use engine_transport::{Connector, ConnectorSettings, Secret};

use crate::{agents, errors::Failure};

/// Reaches the instances of a stack, with the operator's options before what the stack file says.
pub(crate) fn connector(
    manifest: &Manifest,
    ssh_config: Option<&Path>,
    ask_sudo_password: bool,
) -> Result<Connector, Failure> {
    let sudo_password = if ask_sudo_password {
        let password = rpassword::prompt_password("sudo password: ")
            .map_err(|error| Failure::failed(format!("the password cannot be read: {error}")))?;
        Some(Secret::new(password))
    } else {
        None
    };
    Ok(Connector::new(ConnectorSettings {
        ssh: manifest.stack.ssh.clone(),
        config_file: ssh_config.map(absolute),
        sudo_password,
        passphrase: Some(Arc::new(ask_passphrase)),
        agents: agents::carried(),
    }))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn ask_passphrase(key: &Path) -> Option<Secret> {
    rpassword::prompt_password(format!("Passphrase for {}: ", key.display())).ok().map(Secret::new)
}
