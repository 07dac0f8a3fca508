//! Objects of S3, and of servers that speak its protocol, by URLs that hold for a while.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, error::CredentialsError};
use engine_scheduler::ports::{ObjectStore, PortFuture, SourceFailure};
use rusty_s3::{Bucket, BucketError, Credentials, S3Action as _, UrlStyle};
use url::Url;

use crate::Aws;

/// How long a URL holds: long enough to begin a download.
const VALID: Duration = Duration::from_mins(15);

/// Another server than Amazon's, for S3 alone, as in the AWS command line.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_S3";

#[derive(Debug, thiserror::Error)]
enum S3Error {
    #[error("there are no credentials for AWS: {}", causes(.0))]
    Credentials(#[from] CredentialsError),
    #[error("there are no credentials for AWS")]
    NoProvider,
    #[error("no region of AWS is known")]
    Region,
    #[error("the address of S3 in {ENDPOINT} or AWS_ENDPOINT_URL is no URL: {0}")]
    Endpoint(url::ParseError),
    #[error("{0}")]
    Bucket(#[from] BucketError),
}

impl S3Error {
    fn hint(&self) -> &'static str {
        match self {
            S3Error::Credentials(_) | S3Error::NoProvider => {
                "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"
            }
            S3Error::Region => "set AWS_REGION, or the region of the profile, to that of the bucket",
            S3Error::Endpoint(_) | S3Error::Bucket(_) => {
                "write the source as s3://BUCKET/KEY, and a server of your own as https://HOST in AWS_ENDPOINT_URL_S3"
            }
        }
    }
}

/// An error with what caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Aws {
    async fn object(&self, bucket: &str, key: &str) -> Result<Url, S3Error> {
        let config = self.config().await;
        let region = config.region().ok_or(S3Error::Region)?.to_string();
        let (endpoint, style) = endpoint(config, &region, bucket)?;
        let bucket = Bucket::new(endpoint, style, bucket.to_owned(), region)?;
        let provider = config.credentials_provider().ok_or(S3Error::NoProvider)?;
        let found = provider.provide_credentials().await?;
        let (id, secret) = (found.access_key_id(), found.secret_access_key());
        let credentials = match found.session_token() {
            Some(token) => Credentials::new_with_token(id, secret, token),
            None => Credentials::new(id, secret),
        };
        Ok(bucket.get_object(Some(&credentials), key).sign(VALID))
    }
}

/// Where S3 is, and where the bucket's name is to stand. Servers of one's own seldom have a host name for each bucket, and
/// no certificate of Amazon's is for a host name with further dots.
fn endpoint(config: &SdkConfig, region: &str, bucket: &str) -> Result<(Url, UrlStyle), S3Error> {
    let own = std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty());
    let url = match own.as_deref().or_else(|| config.endpoint_url()) {
        Some(url) => return Ok((Url::parse(url).map_err(S3Error::Endpoint)?, UrlStyle::Path)),
        None if region.starts_with("cn-") => format!("https://s3.{region}.amazonaws.com.cn"),
        None => format!("https://s3.{region}.amazonaws.com"),
    };
    let style = if bucket.contains('.') { UrlStyle::Path } else { UrlStyle::VirtualHost };
    Ok((Url::parse(&url).map_err(S3Error::Endpoint)?, style))
}

impl ObjectStore for Aws {
    fn url<'a>(&'a self, bucket: &'a str, key: &'a str) -> PortFuture<'a, Result<String, SourceFailure>> {
        Box::pin(async move {
            match self.object(bucket, key).await {
                Ok(url) => Ok(url.into()),
                Err(error) => {
                    Err(SourceFailure { message: error.to_string(), hint: Some(error.hint().to_owned()) })
                }
            }
        })
    }
}
