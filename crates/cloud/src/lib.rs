//! What engine wants of AWS. So far: objects of S3, for apps.
//!
//! Credentials and the region come from where the AWS command line has them: the environment, the shared files with their
//! profiles, SSO, a process, the machine's role. Nothing of that is looked for before something needs it.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::{Builder, tls};
use tokio::sync::OnceCell;

mod s3;

/// An account of AWS, as the operator's environment names it.
#[derive(Debug, Default)]
pub struct Aws {
    config: OnceCell<SdkConfig>,
}

/// An account that is known already, instead of the environment's.
impl From<SdkConfig> for Aws {
    fn from(config: SdkConfig) -> Self {
        Aws { config: OnceCell::new_with(Some(config)) }
    }
}

impl Aws {
    async fn config(&self) -> &SdkConfig {
        let load = || async {
            let tls = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
            let client = Builder::new().tls_provider(tls).build_https();
            aws_config::defaults(BehaviorVersion::latest()).http_client(client).load().await
        };
        self.config.get_or_init(load).await
    }
}
